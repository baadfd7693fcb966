//go:build linux

package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// forwardEngineRows measure one connection to a port of a container, through the engine. docker exec moves the same bytes
// without a socket. Over ssh, with 50 ms there and back, the same connection by ssh -L is beside it; its sshd is in the
// container's network, which that of the engine does not reach: the test engines have networks of their own.
func forwardEngineRows(l *lab) []row {
	f := &forwarded{lab: l, size: gigabyte}
	rows := []row{{
		name: "1 GiB out of a port, through the engine", rounds: 3,
		ours: contestant{name: "docker nsjoin forward --via engine", run: f.download, before: f.start},
		theirs: []contestant{{
			name: "docker exec", target: 1,
			run: func() error { return l.readPipe(append([]string{l.docker, "exec", l.web}, zeros(gigabyte)...)) },
		}},
		remark: "both are read by read(2) with the same buffer, one from a TCP socket, the other one from a pipe",
	}}
	at, err := url.Parse(l.setting("DOCKER_HOST"))
	if err != nil || at.Scheme != "ssh" {
		return rows
	}
	const size = 256 << 20 // OpenSSH takes 7 seconds for it, at 2 MiB in 50 ms
	far := &forwarded{lab: l, size: size, over: at}
	byHand := &forwarded{lab: l, size: size, over: at, byHand: true}
	return append(rows, row{
		name: "256 MiB out of a port, over ssh with 50 ms there and back", rounds: 3,
		ours:   contestant{name: "docker nsjoin forward", run: far.download, before: far.start},
		theirs: []contestant{{name: "ssh -L", run: byHand.download, before: byHand.start, target: 1}},
		remark: "a process of the benchmark passes the bytes of both connections of ssh on, 25 ms late in each direction, however many they are. " +
			"The engine's sshd cannot reach the container's address, so that of ssh -L is another one, of the same program and configuration, in the " +
			"network namespace of the container: both connections come from the same server there",
	})
}

// zeros is a command that prints so many bytes.
func zeros(size int) []string {
	const block = 64 << 10
	return []string{"dd", "if=/dev/zero", "bs=" + strconv.Itoa(block), "count=" + strconv.Itoa(size/block)}
}

// readPipe runs a program and reads its output as download reads a connection.
func (l *lab) readPipe(argv []string) error {
	r, w, err := pipe()
	if err != nil {
		return err
	}
	defer r.Close()
	pid, err := forkExec(argv[0], argv, l.env, []uintptr{null(), w.Fd(), 2})
	w.Close()
	if err != nil {
		return err
	}
	if err := readAll(r, gigabyte); err != nil {
		return err
	}
	return wait(pid)
}

// readAll reads until the end, which comes after size bytes. io.Copy to io.Discard would read 8 KiB at a time.
func readAll(from io.Reader, size int) error {
	buffer := make([]byte, 128<<10)
	for total := 0; ; {
		n, err := from.Read(buffer)
		total += n
		switch {
		case err == io.EOF && total != size: //nolint:errorlint // it is never wrapped
			return fmt.Errorf("%d bytes have come, not %d", total, size)
		case err == io.EOF: //nolint:errorlint // see above
			return nil
		case err != nil:
			return err
		}
	}
}

// forwarded is a port of a container that is forwarded to this machine.
type forwarded struct {
	lab    *lab
	size   int      // bytes that it sends
	over   *url.URL // of the engine, if it is to be far away
	byHand bool     // by ssh -L

	local string // the address here
}

// start serves the port in the container and forwards it, once. The end of the lab ends both.
func (f *forwarded) start() error {
	if f.local != "" {
		return nil
	}
	l := f.lab
	port, err := l.serve(f.size)
	if err != nil {
		return err
	}
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	local := free.Addr().String()
	free.Close()
	_, number, _ := net.SplitHostPort(local)
	argv := []string{l.docker, "nsjoin", "forward", "--via", "engine", l.web, number + ":" + port}
	env := l.env
	if f.over != nil {
		if argv, env, err = f.farAway(argv, env, local, port); err != nil {
			return err
		}
	}
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Env, cmd.Stderr = env, os.Stderr
	if err := cmd.Start(); err != nil {
		return err
	}
	l.atEnd = append(l.atEnd, func() {
		_ = cmd.Process.Signal(unix.SIGTERM)
		_ = cmd.Wait()
	})
	const timeout = 30 * time.Second
	for deadline := time.Now().Add(timeout); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		c, err := net.Dial("tcp", local)
		if err != nil {
			continue
		}
		_, err = io.ReadFull(c, make([]byte, 1))
		c.Close()
		if err == nil {
			f.local = local
			return nil
		}
	}
	return fmt.Errorf("%s: nothing comes from %s", strings.Join(argv, " "), local)
}

// serve returns a port of web that sends so many bytes to each connection.
func (l *lab) serve(size int) (port string, err error) {
	const first = 8181
	port, served := l.serving[size]
	if served {
		return port, nil
	}
	port = strconv.Itoa(first + len(l.serving))
	if l.serving == nil {
		l.serving = make(map[int]string)
	}
	l.serving[size] = port
	_, err = l.output(l.docker, append([]string{"exec", "-d", l.web, "nc", "-ll", "-p", port, "-e"}, zeros(size)...)...)
	return port, err
}

// farAway returns the command line and the environment of a call that reaches the engine over the slow link.
func (f *forwarded) farAway(argv, env []string, local, port string) (_, _ []string, err error) {
	l := f.lab
	there := func() (io.ReadWriteCloser, error) { return net.Dial("tcp", f.over.Host) }
	if f.byHand {
		config, server, err := findServer()
		if err != nil {
			return nil, nil, err
		}
		there = func() (io.ReadWriteCloser, error) {
			return startServer("nsenter", "--target", server, "--mount", "--net=/proc/"+l.pid+"/ns/net", "/usr/sbin/sshd", "-i", "-f", config)
		}
	}
	link, err := newDelay(there)
	if err != nil {
		return nil, nil, err
	}
	l.atEnd = append(l.atEnd, func() { link.Close() })
	far := *f.over
	far.Host = link.Addr().String()
	env = append(env, "DOCKER_HOST="+far.String())
	if f.byHand {
		argv = []string{
			"ssh", "-N", "-o", "StrictHostKeyChecking=no", "-p", strconv.Itoa(link.Addr().(*net.TCPAddr).Port),
			"-L", local + ":127.0.0.1:" + port, far.User.Username() + "@127.0.0.1",
		}
	}
	return argv, env, nil
}

// download reads all that the port sends.
func (f *forwarded) download() error {
	c, err := net.Dial("tcp", f.local)
	if err != nil {
		return err
	}
	defer c.Close()
	return readAll(c, f.size)
}

// findServer returns the configuration of the sshd that scripts/engine has started, and its process, whose /usr and /etc have
// the program and its users.
func findServer() (config, pid string, err error) {
	client, err := exec.LookPath("ssh")
	if err != nil {
		return "", "", err
	}
	config = filepath.Join(filepath.Dir(filepath.Dir(client)), "config") // the engine's ssh is first in PATH
	files, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, file := range files {
		if line, err := os.ReadFile(file); err == nil && bytes.HasPrefix(line, []byte("sshd: ")) && bytes.Contains(line, []byte(config)) {
			return config, filepath.Base(filepath.Dir(file)), nil
		}
	}
	return "", "", errors.New("the engine's sshd is not found")
}

// served is a connection to a program that has it as its standard input and output.
type served struct {
	net.Conn
	cmd *exec.Cmd
}

func startServer(argv ...string) (io.ReadWriteCloser, error) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	ours, theirs := os.NewFile(uintptr(pair[0]), "sshd"), os.NewFile(uintptr(pair[1]), "client")
	defer ours.Close()
	defer theirs.Close()
	conn, err := net.FileConn(ours)
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Stdin, cmd.Stdout = theirs, theirs
	if err := cmd.Start(); err != nil {
		conn.Close()
		return nil, err
	}
	return &served{conn, cmd}, nil
}

// CloseWrite ends what the program reads.
func (s *served) CloseWrite() error { return s.Conn.(*net.UnixConn).CloseWrite() }

// Close closes the connection, which ends the program.
func (s *served) Close() error {
	err := s.Conn.Close()
	_ = s.cmd.Wait()
	return err
}

// newDelay returns a listener whose connections lead to what connect returns, with 25 ms in each direction.
func newDelay(connect func() (io.ReadWriteCloser, error)) (net.Listener, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	go func() {
		for {
			here, err := l.Accept()
			if err != nil {
				return
			}
			there, err := connect()
			if err != nil {
				here.Close()
				continue
			}
			go func() {
				var both sync.WaitGroup
				both.Go(func() { delayed(here, there) })
				both.Go(func() { delayed(there, here) })
				both.Wait()
				here.Close()
				there.Close()
			}()
		}
	}()
	return l, nil
}

// delayed copies from one connection to another.
func delayed(from, to io.ReadWriteCloser) {
	type part struct {
		b    []byte
		when time.Time
	}
	const delay = 25 * time.Millisecond
	parts := make(chan part, 4096)
	go func() {
		defer close(parts)
		for {
			b := make([]byte, 64<<10)
			n, err := from.Read(b)
			if n > 0 {
				parts <- part{b[:n], time.Now().Add(delay)}
			}
			if err != nil {
				return
			}
		}
	}()
	for p := range parts {
		time.Sleep(time.Until(p.when))
		if _, err := to.Write(p.b); err != nil {
			from.Close() // the reader ends, and the channel is closed
		}
	}
	if half, ok := to.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
	}
}
