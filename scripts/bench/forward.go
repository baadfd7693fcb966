//go:build linux

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// forwarding has the ways into a container that are compared. It is set up by the first row.
type forwarding struct {
	l       *lab
	started []*exec.Cmd
	err     error
	once    bool

	id                                    string // of the container
	straight, forwarded, published, socat string // addresses of its TCP port
	forwardedUDP, publishedUDP, socatUDP  string
	most                                  int // descriptors of a process
	pid                                   int // of docker nsjoin forward, or of the CLI that has started it
}

// forwardRows compare docker nsjoin forward with a published port, which docker-proxy serves on loopback addresses, with
// socat on the host, and with a connection straight to the container's address.
func forwardRows(l *lab) []row {
	f := &forwarding{l: l}
	l.atEnd = append(l.atEnd, f.close)
	by := func(do func(string) error, address *string) contestant {
		return contestant{before: f.start, run: func() error { return do(*address) }}
	}
	as := func(c contestant, name string, target float64) contestant {
		c.name, c.target = name, target
		return c
	}
	const all, slower = 10_000, 1.43 // 0.7 of the speed
	short := func(address string) error {
		_, err := shortConnections(address, all)
		return err
	}
	// docker-proxy resets some of so many connections: they are counted.
	var failed, tried int64
	lossy := as(by(func(address string) error {
		n, _ := shortConnections(address, all)
		failed, tried = failed+n, tried+all
		return nil
	}, &f.published), "a published port", 1)
	lossy.note = func() string { return fmt.Sprintf(" (%d of %d failed)", failed, tried) }
	return []row{
		{
			name: "forward: 1 GiB, one TCP connection", rounds: 7,
			ours: as(by(sendGigabyte, &f.forwarded), "docker nsjoin forward", 0),
			theirs: []contestant{
				as(by(sendGigabyte, &f.published), "a published port", 1),
				as(by(sendGigabyte, &f.socat), "socat", 1),
				as(by(sendGigabyte, &f.straight), "straight", slower),
			},
		},
		{
			name: "forward: 10,000 short connections, 50 at once", rounds: 5,
			ours:   as(by(short, &f.forwarded), "docker nsjoin forward", 0),
			theirs: []contestant{lossy, as(by(short, &f.straight), "straight", 0)},
		},
		{name: "forward: one byte there and back", value: f.latency},
		{
			name: "forward: 100,000 UDP packets of 1400 bytes", rounds: 5,
			ours: as(by(sendPackets, &f.forwardedUDP), "docker nsjoin forward", 0),
			theirs: []contestant{
				as(by(sendPackets, &f.socatUDP), "socat", 1),
				as(by(sendPackets, &f.publishedUDP), "a published port", 0),
			},
		},
		{name: "forward: 10,000 idle connections", value: f.idle},
	}
}

// start starts the server in a container, docker nsjoin forward and socat, once.
func (f *forwarding) start() error {
	if !f.once {
		f.once = true
		f.err = f.startNow()
	}
	return f.err
}

func (f *forwarding) startNow() error {
	// 10,000 connections need more descriptors than usual, here and in the programs that are started.
	const descriptors = 65536
	f.most = descriptors
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: descriptors, Max: descriptors}); err != nil {
		var limit unix.Rlimit
		if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
			return err
		}
		f.most = int(min(limit.Cur, descriptors))
	}
	own, err := os.Executable()
	if err != nil {
		return err
	}
	l := f.l
	// The container comes to its end with the lab, by its label.
	f.id, err = l.output("docker", "run", "-d", "--rm", "--label", label+"="+strconv.Itoa(os.Getpid()), "-v", own+":/bench:ro",
		"--ulimit", fmt.Sprintf("nofile=%d", f.most), "-p", fmt.Sprintf("127.0.0.1::%d", tcpPort), "-p", fmt.Sprintf("127.0.0.1::%d/udp", udpPort),
		image, "/bench", "-serve")
	if err != nil {
		return err
	}
	address, err := l.output("docker", "inspect", "--format", "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}", f.id)
	if err != nil {
		return err
	}
	f.straight = net.JoinHostPort(address, strconv.Itoa(tcpPort))
	if err := reachable(f.straight); err != nil {
		return err
	}
	for port, at := range map[string]*string{fmt.Sprint(tcpPort): &f.published, fmt.Sprintf("%d/udp", udpPort): &f.publishedUDP} {
		text, err := l.output("docker", "port", f.id, port)
		if err != nil {
			return err
		}
		*at, _, _ = strings.Cut(text, "\n")
	}
	if err := f.startSocat(address); err != nil {
		return err
	}
	return f.startForward()
}

// reachable fails if the container's address is not of a network of this host, as with an engine in a network namespace of its own:
// no packet would be answered then, and no connection refused.
func reachable(address string) error {
	const patience = 20 * time.Second
	const pause = 50 * time.Millisecond
	for deadline := time.Now().Add(patience); ; time.Sleep(pause) {
		conn, err := net.DialTimeout("tcp", address, patience)
		if err == nil {
			return conn.Close()
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("the container's address cannot be reached from here, which the rows of forward need: %w", err)
		}
	}
}

// startForward forwards both ports, each by a call of its own: two forwards of a call share its open files.
func (f *forwarding) startForward() (err error) {
	if f.forwardedUDP, _, err = f.forwardOne(fmt.Sprintf("0:%d/udp", udpPort)); err != nil {
		return err
	}
	f.forwarded, f.pid, err = f.forwardOne(fmt.Sprintf("0:%d", tcpPort))
	return err
}

// forwardOne forwards a port, and returns where, and the process.
func (f *forwarding) forwardOne(spec string) (address string, pid int, err error) {
	cmd := exec.Command(f.l.docker, "nsjoin", "forward", f.id, spec)
	cmd.Env, cmd.Stderr = f.l.env, os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return "", 0, err
	}
	if err := cmd.Start(); err != nil {
		return "", 0, err
	}
	f.started = append(f.started, cmd)
	lines := bufio.NewScanner(out)
	if !lines.Scan() {
		return "", 0, errors.New("docker nsjoin forward has ended")
	}
	address, _, _ = strings.Cut(lines.Text(), " -> ")
	return strings.TrimSuffix(address, "/udp"), cmd.Process.Pid, nil
}

// startSocat starts the distribution's socat, unpacked.
func (f *forwarding) startSocat(address string) error {
	tree, err := exec.Command("bash", "-c", `me=bench; . scripts/lib.sh; get_tree socat; echo "$tree"`).Output()
	if err != nil {
		return fmt.Errorf("get socat: %w", err)
	}
	root := strings.TrimSpace(string(tree))
	program := filepath.Join(root, "usr/bin/socat")
	libraries, _ := filepath.Glob(filepath.Join(root, "usr/lib/*-linux-gnu*"))
	for _, s := range []struct {
		network, kind string
		port          int
		at            *string
	}{{"tcp", "TCP", tcpPort, &f.socat}, {"udp", "UDP", udpPort, &f.socatUDP}} {
		const first = 19000
		port := first + s.port
		*s.at = net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
		cmd := exec.Command(program, "-b", "65536", fmt.Sprintf("%s4-LISTEN:%d,bind=127.0.0.1,fork,reuseaddr", s.kind, port), fmt.Sprintf("%s4:%s:%d", s.kind, address, s.port))
		cmd.Env = append(os.Environ(), "LD_LIBRARY_PATH="+strings.Join(libraries, ":"))
		cmd.Stderr = os.Stderr
		if err := cmd.Start(); err != nil {
			return err
		}
		f.started = append(f.started, cmd)
	}
	const pause = 300 * time.Millisecond
	time.Sleep(pause)
	return nil
}

// close ends what was started, and what that has started: socat has a process for each connection.
func (f *forwarding) close() {
	for _, cmd := range f.started {
		var all []int // pidfds
		for _, pid := range descendants(cmd.Process.Pid) {
			if fd, err := unix.PidfdOpen(pid, 0); err == nil && pid != cmd.Process.Pid {
				all = append(all, fd)
			}
		}
		_ = cmd.Process.Signal(unix.SIGTERM)
		_ = cmd.Wait()
		for _, fd := range all {
			_ = unix.PidfdSendSignal(fd, unix.SIGTERM, nil, 0)
			_ = unix.Close(fd)
		}
	}
}

func (f *forwarding) latency(ctx context.Context) ([]result, error) {
	if err := f.start(); err != nil {
		return nil, err
	}
	times, err := latency(ctx, []string{f.forwarded, f.straight, f.published})
	if err != nil {
		return nil, err
	}
	const more = 60
	r := result{Name: "forward: one byte there and back", Unit: "µs", Ours: times[0]}
	straight, limit, published := r, r, r
	straight.Beside, straight.Theirs, straight.Ratio = "straight", times[1], times[0]/times[1]
	limit.Beside, limit.Theirs, limit.Ratio, limit.Target = "straight and 60 µs", times[1]+more, times[0]/(times[1]+more), 1
	published.Beside, published.Theirs, published.Ratio = "a published port", times[2], times[0]/times[2]
	return []result{straight, limit, published}, nil
}

// idle measures the memory and the threads of docker nsjoin forward with 10,000 connections on which nothing moves, or as many
// as RLIMIT_NOFILE allows.
func (f *forwarding) idle(ctx context.Context) ([]result, error) {
	if err := f.start(); err != nil {
		return nil, err
	}
	const all, memory, threads, others = 10_000, 40, 40, 900 // others: what docker nsjoin forward keeps for itself
	number := min(all, (f.most-others)/2)
	if number < all {
		fmt.Fprintln(os.Stderr, "bench: RLIMIT_NOFILE allows only", number, "connections")
	}
	var conns []net.Conn
	defer func() {
		for _, conn := range conns {
			_ = conn.Close()
		}
	}()
	for len(conns) < number && ctx.Err() == nil {
		conn, err := open(f.forwarded, echoAll)
		if err != nil {
			return nil, err
		}
		conns = append(conns, conn)
		if _, err := conn.Write([]byte{0}); err != nil {
			return nil, err
		}
		if _, err := conn.Read([]byte{0}); err != nil {
			return nil, err
		}
	}
	var size, running float64
	for _, pid := range descendants(f.pid) {
		if comm(pid) != "docker" { // the CLI waits for its plugin
			size += proportional(pid)
			tasks, _ := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
			running += float64(len(tasks))
		}
	}
	return []result{
		{Name: fmt.Sprintf("forward: resident with %d idle connections", number), Ours: size, Unit: "MiB", Beside: "limit", Theirs: memory, Ratio: size / memory, Target: 1},
		{Name: "forward: threads meanwhile", Ours: running, Beside: "limit", Theirs: threads, Ratio: running / threads, Target: 1},
	}, nil
}
