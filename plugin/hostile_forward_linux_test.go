//go:build linux

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/launch"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
	"github.com/nsjoin/docker-nsjoin/pkg/sockets/client"
)

// serveVariable turns the test program into a server in a container that asks the kernel who its clients are, and
// tries to get at them.
const serveVariable = "NSJOIN_TEST_HOSTILE_SERVER"

// clientSeen is a client of a hostile server, as the kernel describes it to the server.
type clientSeen struct {
	How   string
	PID   int // in the container; 0 if it is outside
	UID   int
	Taken []string // descriptors that were copied from it
}

// The constants of Linux 6.5.
const (
	soPassPidfd = 76
	soPeerPidfd = 77
	scmPidfd    = 4
)

// TestHostileServer is not a test: docker exec runs it in the container. It serves one client, then accepts no other, so that
// the queue gets full.
func TestHostileServer(t *testing.T) {
	path := os.Getenv(serveVariable)
	if path == "" {
		return
	}
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_PASSCRED, 1)
	_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, soPassPidfd, 1)
	if err := unix.Bind(fd, &unix.SockaddrUnix{Name: path}); err != nil {
		t.Fatal(err)
	}
	_ = os.Chmod(path, 0o777)
	if err := unix.Listen(fd, 0); err != nil {
		t.Fatal(err)
	}
	conn, _, err := unix.Accept(fd)
	if err != nil {
		t.Fatal(err)
	}
	_ = unix.SetsockoptInt(conn, unix.SOL_SOCKET, unix.SO_PASSCRED, 1)
	_ = unix.SetsockoptInt(conn, unix.SOL_SOCKET, soPassPidfd, 1)
	out := json.NewEncoder(os.Stdout)
	if peer, err := unix.GetsockoptUcred(conn, unix.SOL_SOCKET, unix.SO_PEERCRED); err == nil {
		_ = out.Encode(clientSeen{How: "SO_PEERCRED", PID: int(peer.Pid), UID: int(peer.Uid)})
	}
	if pidfd, err := unix.GetsockoptInt(conn, unix.SOL_SOCKET, soPeerPidfd); err == nil {
		_ = out.Encode(seenByPidfd("SO_PEERPIDFD", pidfd))
	}
	for range 2 {
		buf, control := make([]byte, 16), make([]byte, 256)
		n, rights, _, _, err := unix.Recvmsg(conn, buf, control, unix.MSG_CMSG_CLOEXEC)
		if err != nil || n == 0 {
			break
		}
		messages, _ := unix.ParseSocketControlMessage(control[:rights])
		for _, m := range messages {
			switch m.Header.Type {
			case unix.SCM_CREDENTIALS:
				if as, err := unix.ParseUnixCredentials(&m); err == nil {
					_ = out.Encode(clientSeen{How: "SCM_CREDENTIALS", PID: int(as.Pid), UID: int(as.Uid)})
				}
			case scmPidfd:
				_ = out.Encode(seenByPidfd("SCM_PIDFD", int(int32(m.Data[0])|int32(m.Data[1])<<8)))
			}
		}
		_, _ = unix.Write(conn, buf[:n])
	}
	fmt.Println("done")
	time.Sleep(time.Minute)
}

// seenByPidfd copies the descriptors of a process.
func seenByPidfd(how string, pidfd int) clientSeen {
	c := clientSeen{How: how, PID: -1}
	text, _ := os.ReadFile(fmt.Sprintf("/proc/self/fdinfo/%d", pidfd))
	for line := range strings.Lines(string(text)) {
		if number, ok := strings.CutPrefix(line, "Pid:"); ok {
			c.PID, _ = strconv.Atoi(strings.TrimSpace(number))
		}
	}
	for fd := range 64 {
		if taken, err := unix.PidfdGetfd(pidfd, fd, 0); err == nil {
			link, _ := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", taken))
			c.Taken = append(c.Taken, link)
			unix.Close(taken)
		}
	}
	return c
}

// openForward opens the sockets of a container as the command does on the engine's host.
func openForward(t *testing.T, container, user string) *client.Local {
	t.Helper()
	fields := strings.Fields(docker(t, "inspect", "-f", "{{.Id}} {{.State.Pid}} {{.Config.User}}", container))
	pid, _ := strconv.Atoi(fields[1])
	source := request.Source{From: request.FromContainer, Name: container, PID: pid, Container: &request.Container{ID: fields[0]}}
	if len(fields) > 2 {
		source.Container.User = fields[2]
	}
	r := request.NewForward(source, user, true)
	server, err := launch.Serve(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	network, err := client.OpenLocal(t.Context(), server.Socket, server.Wait)
	if err != nil {
		t.Fatal(err)
	}
	server.Relay(os.Stderr)
	t.Cleanup(func() { _ = network.Close() })
	return network
}

// TestHostileForward attacks what docker nsjoin forward starts: a server asks who its clients are, an intruder attacks the
// process that connects, and another the helper, in containers of several kinds.
func TestHostileForward(t *testing.T) {
	self := testProgram(t)
	c := newCaller(t)
	for _, col := range []column{
		{name: "default"},
		{name: "SYS_PTRACE", options: []string{"--cap-add", "SYS_PTRACE"}},
		{name: "SYS_ADMIN", options: []string{"--cap-add", "SYS_ADMIN"}},
		{name: "NET_ADMIN", options: []string{"--cap-add", "NET_ADMIN"}},
		{name: "host's processes", options: []string{"--pid", "host"}},
		{name: "host's processes, user 1000", options: []string{"--pid", "host", "--user", "1000"}, execs: [][]string{nil, {"-u", "0"}}},
		{name: "user 1000", options: []string{"--user", "1000"}, execs: [][]string{nil, {"-u", "0"}}},
		{name: "user 1000 SYS_PTRACE", options: []string{"--user", "1000", "--cap-add", "SYS_PTRACE"}, execs: [][]string{nil, {"-u", "0"}}},
	} {
		t.Run(col.name, func(t *testing.T) {
			if strings.HasPrefix(col.name, hostPIDs) && os.Getenv("NSJOIN_TEST_ENGINE") == "28-userns" {
				col.options = append(col.options, "--userns", "host") // the engine demands it
			}
			container := c.intruderContainer(t, self, col)
			network := openForward(t, container, "")
			seen := startHostileServer(t, container, hostilePath)
			conn := dialForward(t, network, hostilePath)
			for range 2 {
				if _, err := conn.Write([]byte("text")); err != nil {
					t.Fatal(err)
				}
				if _, err := io.ReadFull(conn, make([]byte, 4)); err != nil {
					t.Fatal(err)
				}
			}
			first := 1
			if strings.HasPrefix(col.name, hostPIDs) {
				first, _ = strconv.Atoi(initOf(t, container))
			}
			judgeClients(t, seen(), col, first)
			attackWaiting(t, network, container, col)
		})
	}
}

// hostPIDs begins the names of containers with the host's processes.
const hostPIDs = "host's processes"

const hostilePath = "/tmp/hostile.sock"

// startHostileServer starts the server, and returns how its client is read.
func startHostileServer(t *testing.T, container, path string) (seen func() []clientSeen) {
	t.Helper()
	cmd := exec.Command("docker", "exec", "-e", serveVariable+"="+path, container, "/intruder", "-test.run=^TestHostileServer$")
	var out safeBytes
	cmd.Stdout = &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	eventually(t, "the server listens", func() bool {
		return exec.Command("docker", "exec", container, "test", "-S", path).Run() == nil
	})
	return func() (list []clientSeen) {
		eventually(t, "the server is done", func() bool { return strings.Contains(string(out.bytes()), "done\n") })
		for line := range strings.Lines(string(out.bytes())) {
			var one clientSeen
			if json.Unmarshal([]byte(line), &one) == nil && one.How != "" {
				list = append(list, one)
			}
		}
		return list
	}
}

// TestHostileStuckServers has two servers that accept no more, with many clients. A third one is still reached, before any of these
// clients has given up.
func TestHostileStuckServers(t *testing.T) {
	c := newCaller(t)
	container := c.intruderContainer(t, testProgram(t), column{name: "default"})
	network := openForward(t, container, "")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	startHostileServer(t, container, hostilePath) // before the others, whose clients give up after ten seconds
	var ended atomic.Int64
	for i := range 2 {
		path := fmt.Sprintf("/tmp/stuck-%d.sock", i)
		startHostileServer(t, container, path)
		dialForward(t, network, path) // whom it serves
		for range 20 {
			go func() {
				conn, err := network.Dial(ctx, "unix", path)
				if err != nil {
					ended.Add(1)
					return
				}
				defer conn.Close()
				<-ctx.Done()
			}()
		}
	}
	conn := dialForward(t, network, hostilePath)
	if _, err := conn.Write([]byte("text")); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(conn, make([]byte, 4)); err != nil {
		t.Fatal(err)
	}
	if n := ended.Load(); n > 0 {
		t.Errorf("%d clients of the others have given up before", n)
	}
	eventually(t, "the others give up", func() bool { return ended.Load() > 0 })
}

func dialForward(t *testing.T, network *client.Local, path string) net.Conn {
	t.Helper()
	conn, err := network.Dial(t.Context(), "unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(endsWithin))
	return conn
}

// judgeClients fails if the server has learned of a process outside of the container, or of another user. first is the
// container's first process, as it sees it.
func judgeClients(t *testing.T, seen []clientSeen, col column, first int) {
	t.Helper()
	user := 0
	if strings.Contains(col.name, "user 1000") {
		user = 1000
	}
	how := map[string]int{}
	for _, c := range seen {
		how[c.How]++
		byPidfd := strings.HasSuffix(c.How, "PIDFD")
		switch {
		case c.PID == 0:
			t.Errorf("%s names a process outside of the container", c.How)
		case c.How == "SO_PEERPIDFD" && slices.ContainsFunc(c.Taken, func(link string) bool {
			// The child may not have ended yet. It is in the container and holds its socket and two pipes.
			return len(c.Taken) > 3 || c.PID < 1 || !strings.HasPrefix(link, "socket:") && !strings.HasPrefix(link, "pipe:")
		}):
			t.Errorf("%s: descriptors %q", c.How, c.Taken)
		case c.How == "SCM_PIDFD" && c.PID > 0 && c.PID != first, c.How == "SCM_CREDENTIALS" && c.PID != first:
			t.Errorf("%s names process %d, not the first one", c.How, c.PID)
		case !byPidfd && c.UID != user:
			t.Errorf("%s names user %d, not %d", c.How, c.UID, user)
		}
	}
	if how["SO_PEERCRED"] != 1 || how["SCM_CREDENTIALS"] != 2 {
		t.Errorf("the server saw %v", how)
	}
}

// attackWaiting attacks the process that connects while the server's queue is full.
func attackWaiting(t *testing.T, network *client.Local, container string, col column) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	for range 4 {
		go func() {
			if conn, err := network.Dial(ctx, "unix", hostilePath); err == nil {
				defer conn.Close()
				<-ctx.Done()
			}
		}()
	}
	time.Sleep(time.Second)
	execs := col.execs
	if execs == nil {
		execs = [][]string{nil}
	}
	at, attacked := placesOf(t, container), 0
	for _, options := range execs {
		for _, l := range runIntruder(t, container, options...) {
			if !strings.HasSuffix(l.Args, " 3 4") {
				continue
			}
			attacked++
			// It executes nothing: it still has the helper's program, a sealed memory file, and its socket.
			for _, what := range []string{"exe", "link exe", "map_files"} {
				delete(l.Got, what)
			}
			delete(l.Files, "copy fd 0")
			delete(l.Files, "path fd 0")
			v := victim{row: child{}}
			if faults := v.faults(at, l); len(faults) > 0 {
				slices.Sort(faults)
				t.Errorf("an intruder %s %s got\n\t%s", strings.Join(options, " "), l.Guise, strings.Join(faults, "\n\t"))
			}
		}
	}
	if attacked == 0 {
		t.Error("the intruder did not see the process that connects")
	}
}
