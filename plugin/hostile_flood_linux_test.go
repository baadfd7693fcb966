//go:build linux

package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// echoVariable turns the test program into a server in a container, on these ports.
	echoVariable = "NSJOIN_TEST_ECHO"
	// floodVariable turns it into clients: the address that they connect to, their number, and the number of their own address.
	floodVariable = "NSJOIN_TEST_FLOOD"
)

// TestEcho is not a test: a container runs it.
func TestEcho(t *testing.T) {
	ports := os.Getenv(echoVariable)
	if ports == "" {
		return
	}
	for port := range strings.FieldsSeq(ports) {
		l, err := net.Listen("tcp", "127.0.0.1:"+port)
		if err != nil {
			t.Fatal(err)
		}
		go echo(l)
	}
	fmt.Println("ready")
	select {}
}

// echo sends back what arrives, with a small buffer for each connection.
func echo(l net.Listener) {
	for {
		conn, err := l.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			time.Sleep(time.Millisecond)
			continue
		}
		go func() {
			defer conn.Close()
			_, _ = io.CopyBuffer(struct{ io.Writer }{conn}, struct{ io.Reader }{conn}, make([]byte, 64))
		}()
	}
}

// TestFlood is not a test: it makes connections, does not wait for them, and holds them until its input ends.
func TestFlood(t *testing.T) {
	words := strings.Fields(os.Getenv(floodVariable))
	if len(words) == 0 {
		return
	}
	to := netip.MustParseAddrPort(words[0])
	number, _ := strconv.Atoi(words[1])
	own, _ := strconv.Atoi(words[2])
	for i := range number {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			t.Fatal(i, err)
		}
		_ = unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1)
		if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 1, 0, byte(own)}}); err != nil {
			t.Fatal(i, err)
		}
		if err := unix.Connect(fd, &unix.SockaddrInet4{Port: int(to.Port()), Addr: to.Addr().As4()}); err != nil && !errors.Is(err, unix.EINPROGRESS) {
			t.Fatal(i, err)
		}
		if i%500 == 0 {
			time.Sleep(5 * time.Millisecond) // so that not all are dropped by the queue
		}
	}
	fmt.Println("ready")
	_, _ = io.Copy(io.Discard, os.Stdin)
}

// flooded is a call with several forwards, of which one is flooded.
type flooded struct {
	c         caller
	container string
	call      *exec.Cmd
	said      safeBytes
	plugin    int               // its pid
	at        map[string]string // addresses of the forwards, by their targets
}

// floodSize is how many connections there are more than the call may have: 100,000 in make hostile.
func floodSize() int {
	const all, some = 100_000, 5_000
	if os.Getenv(tableVariable) == "all" {
		return all
	}
	return some
}

// TestHostileFlood makes many connections to one of three forwards: from this machine, and from the container by -R. The
// memory that docker nsjoin needs is bounded, one line a minute says it, and the other forward is not affected.
func TestHostileFlood(t *testing.T) {
	f := startFlooded(t)
	idle := f.memory(t)
	t.Logf("idle: %v MiB", idle)
	for _, target := range []string{"7001", "-R"} {
		before, began := strings.Count(string(f.said.bytes()), "\n"), time.Now()
		end := f.flood(t, target, floodSize())
		eventually(t, "it is said", func() bool { return strings.Count(string(f.said.bytes()), "\n") > before })
		for range 20 {
			conn, err := net.Dial("tcp", f.at["7002"])
			if err != nil {
				t.Fatal(err)
			}
			f.echoes(t, conn)
			conn.Close()
		}
		open := f.open(t)
		now := f.memory(t)
		t.Logf("%s: %d connections are open: %v MiB", target, open, now)
		const each = 16 << 10 // bytes, of both processes
		if most := 40 + float64(open*each)/(1<<20); now.total() > idle.total()+most {
			t.Errorf("%s: %v MiB, before %v, with %d connections", target, now, idle, open)
		}
		end()
		f.awaitEnd(t, target)
		lines := slices.Collect(strings.Lines(string(f.said.bytes())))[before:]
		other := func(line string) bool { return !strings.Contains(line, "new connections have to wait: ") }
		if most := 1 + int(time.Since(began).Minutes()); len(lines) == 0 || len(lines) > most || slices.ContainsFunc(lines, other) {
			t.Errorf("%s: %q", target, lines)
		}
		conn, err := net.Dial("tcp", f.at["7001"])
		if err != nil {
			t.Fatal(err)
		}
		f.echoes(t, conn)
		conn.Close()
	}
	_ = f.call.Process.Signal(unix.SIGINT)
	_ = f.call.Wait()
}

// startFlooded starts a server in a container, one on this machine, and a call with few open files.
func startFlooded(t *testing.T) *flooded {
	t.Helper()
	f := &flooded{c: newCaller(t), container: fmt.Sprintf("flood-%d-%d", os.Getpid(), serial.Add(1)), at: map[string]string{}}
	out, err := tryContainer(t, f.container, "--init=false", "-v", testProgram(t)+":/intruder:ro", "-e", echoVariable+"=7001 7002", testImage, "/intruder", "-test.run=^TestEcho$")
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	here, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { here.Close() })
	go echo(here)
	_, port, _ := net.SplitHostPort(here.Addr().String())
	limit := "4096"
	if floodSize() > 50_000 { //nolint:mnd // as many as this machine allows
		limit = "$(ulimit -Hn)"
	}
	f.call = f.c.docker("nsjoin", "forward", "--wait", f.container, "0:7001", "0:7002", "-R", "127.0.0.1:7003:127.0.0.1:"+port)
	f.call.Args = append([]string{"sh", "-c", "ulimit -n " + limit + `; exec docker "$@"`}, f.call.Args...)
	if f.call.Path, err = exec.LookPath("sh"); err != nil {
		t.Fatal(err)
	}
	stdout, err := f.call.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	f.call.Stderr = &f.said
	if err := f.call.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.call.Process.Kill(); _ = f.call.Wait() })
	lines := bufio.NewScanner(stdout)
	for len(f.at) < 3 && lines.Scan() {
		from, to, _ := strings.Cut(lines.Text(), " -> ")
		if inside, ok := strings.CutPrefix(from, f.container+":"); ok {
			f.at["-R"] = inside
		} else {
			f.at[to[strings.LastIndex(to, ":")+1:]] = from
		}
	}
	if len(f.at) < 3 {
		t.Fatalf("%v: %s", f.at, f.said.bytes())
	}
	go func() { _, _ = io.Copy(io.Discard, stdout) }()
	pid, err := f.c.docker("nsjoin", "forward", "ls", "--format", "{{.PID}}").Output()
	if err == nil {
		f.plugin, err = strconv.Atoi(strings.Fields(string(pid))[0])
	}
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// echoes sees that a byte comes back.
func (f *flooded) echoes(t *testing.T, conn net.Conn) {
	t.Helper()
	_ = conn.SetDeadline(time.Now().Add(endsWithin))
	_, err := conn.Write([]byte("x"))
	if err == nil {
		_, err = conn.Read(make([]byte, 1))
	}
	if err != nil {
		t.Fatal(err)
	}
}

// flood makes more connections than the forward may have, and returns how to end them.
func (f *flooded) flood(t *testing.T, target string, more int) (end func()) {
	t.Helper()
	const ofProcess = 18_000
	var inputs []io.Closer
	var all []*exec.Cmd
	for i := 0; more > 0; i++ {
		number := min(more, ofProcess)
		more -= number
		set := fmt.Sprintf("%s=%s %d %d", floodVariable, f.at[target], number, i+1)
		cmd := exec.Command(os.Args[0], "-test.run=^TestFlood$")
		cmd.Env = append(os.Environ(), set)
		if target == "-R" {
			cmd = exec.Command("docker", "exec", "-i", "-e", set, f.container, "/intruder", "-test.run=^TestFlood$")
		}
		in, out := startPiped(t, cmd)
		if line, err := out.ReadString('\n'); line != "ready\n" {
			t.Fatal(line, err)
		}
		inputs, all = append(inputs, in), append(all, cmd)
	}
	return func() {
		for i, in := range inputs {
			in.Close()
			_ = all[i].Wait()
		}
	}
}

// open returns how many connections are open.
func (f *flooded) open(t *testing.T) (open int) {
	t.Helper()
	out, err := f.c.docker("nsjoin", "forward", "ls", "--format", "{{.Open}}").Output()
	if err != nil {
		t.Fatal(err)
	}
	for word := range strings.FieldsSeq(string(out)) {
		n, _ := strconv.Atoi(word)
		open += n
	}
	return open
}

// awaitEnd waits until no connection is open. The filter of a listener drops the FIN of a client that still waits (package
// peeruid), and the kernel takes up to two minutes until it sends it again.
func (f *flooded) awaitEnd(t *testing.T, target string) {
	t.Helper()
	const most = 5 * time.Minute
	for deadline := time.Now().Add(most); f.open(t) > 0; time.Sleep(100 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s: %d connections have not ended", target, f.open(t))
		}
	}
}

// used is the memory of the plugin and of its helper, in MiB.
type used struct{ Plugin, Helper float64 }

func (u used) total() float64 { return u.Plugin + u.Helper }

// memory returns the proportional set sizes.
func (f *flooded) memory(t *testing.T) (u used) {
	t.Helper()
	u.Plugin = proportional(t, f.plugin)
	for _, id := range f.c.helpers(t) {
		pid, _ := strconv.Atoi(docker(t, "inspect", "-f", "{{.State.Pid}}", id))
		u.Helper += proportional(t, pid)
	}
	children, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", f.plugin))
	for _, file := range children {
		text, _ := os.ReadFile(file)
		for word := range strings.FieldsSeq(string(text)) {
			pid, _ := strconv.Atoi(word)
			if line, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid)); !strings.Contains(string(line), "guard") {
				u.Helper += proportional(t, pid)
			}
		}
	}
	if u.Plugin == 0 || u.Helper == 0 {
		t.Error("no memory is found")
	}
	return u
}

// proportional returns the memory of a process in MiB, with its part of what it shares.
func proportional(t *testing.T, pid int) float64 {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "\nPss:")
	kb, _ := strconv.ParseFloat(strings.Fields(rest + " 0")[0], 64)
	return kb / (1 << 10)
}
