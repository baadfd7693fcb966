//go:build linux

package session

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/procfs"
)

const watchedCommand = "NSJOIN_TEST_WATCHED_COMMAND"

// TestWatchingTheCaller is the helper of the other tests: its parent is the CLI,
// descriptor 3 the CLI's socket.
func TestWatchingTheCaller(t *testing.T) {
	pid, err := strconv.Atoi(os.Getenv(watchedCommand))
	if err != nil {
		return // not the helper
	}
	cli, err := unix.PidfdOpen(os.Getppid(), 0)
	if err != nil {
		t.Fatal(err)
	}
	o := newOnce()
	c := &caller{socket: os.NewFile(3, "socket"), pid: os.Getppid(), pidfd: cli}
	go c.watch(func() { _ = unix.Kill(pid, unix.SIGTERM) }, o)
	if _, err := fmt.Println(os.Getpid()); err != nil {
		t.Fatal(err)
	}
	<-o.given
	if _, err := os.Stdout.WriteString("gone\n"); err != nil {
		t.Fatal(err)
	}
	os.Exit(0)
}

// watched is a helper that watches its caller, and its command.
type watched struct {
	cli, command *exec.Cmd
	socket       *os.File
	said         *bufio.Reader // by the helper
}

func watchedCaller(t *testing.T) *watched {
	t.Helper()
	command := exec.Command("sleep", "600")
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = command.Process.Kill(); _ = command.Wait() })
	ours, theirs := sockets(t)
	cli := exec.Command("sh", "-c", `"$0" "$@"; :`, os.Args[0], "-test.run=^TestWatchingTheCaller$")
	cli.Env = append(os.Environ(), watchedCommand+"="+strconv.Itoa(command.Process.Pid))
	r, w := pipe(t)
	cli.Stdout, cli.ExtraFiles = w, []*os.File{theirs}
	if err := cli.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cli.Process.Kill(); _ = cli.Wait() })
	w.Close()
	theirs.Close()
	if err := r.SetReadDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	c := &watched{cli: cli, command: command, socket: ours, said: bufio.NewReader(r)}
	watches(t, c.line(t))
	return c
}

func (c *watched) line(t *testing.T) string {
	t.Helper()
	line, err := c.said.ReadString('\n')
	if err != nil {
		t.Fatalf("the helper says %q, %v", line, err)
	}
	return strings.TrimSpace(line)
}

func (c *watched) dies() {
	_ = c.cli.Process.Kill()
	_ = c.cli.Wait()
}

func TestCallerThatDiesIsGone(t *testing.T) {
	c := watchedCaller(t)
	c.dies()
	c.socket.Close()
	if got := c.line(t); got != "gone" {
		t.Errorf("the helper says %q", got)
	}
	_ = c.command.Process.Kill() // the first fatal signal is the one that counts
	_ = c.command.Wait()
	if ws := c.command.ProcessState.Sys().(syscall.WaitStatus); ws.Signal() != unix.SIGKILL {
		t.Errorf("the command got %v", ws.Signal())
	}
}

// One that lives and closes the socket got a signal: it is the command's.
func TestSignalOfTheCallerReachesTheCommand(t *testing.T) {
	c := watchedCaller(t)
	c.socket.Close()
	_ = c.command.Wait()
	if ws := c.command.ProcessState.Sys().(syscall.WaitStatus); ws.Signal() != unix.SIGTERM {
		t.Errorf("the command ended with %#x, want %v", ws, unix.SIGTERM)
	}
	c.dies()
	if got := c.line(t); got != "gone" {
		t.Errorf("the helper says %q", got)
	}
}

// The command may have ended before it is seen that the caller does.
func TestCallerEnds(t *testing.T) {
	ours, theirs := sockets(t)
	cmd, _ := lead(t, "cat")
	pidfd, err := unix.PidfdOpen(cmd.Process.Pid, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(pidfd)
	c := &caller{socket: ours, pid: cmd.Process.Pid, pidfd: pidfd}
	if c.ends() || (*caller)(nil).ends() {
		t.Error("one that lives ends")
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	gone(t, cmd.Process.Pid)
	if !c.dying() || !c.ends() {
		t.Error("one that was killed doesn't end")
	}
	_ = cmd.Wait()
	if !c.dying() {
		t.Error("one that was waited for doesn't end")
	}
	c.pid, c.pidfd = os.Getpid(), self(t)
	if c.ends() {
		t.Error("we end")
	}
	theirs.Close()
	if !c.ends() || c.dying() {
		t.Error("one that closed the socket doesn't end, or dies")
	}
}

// self is a pidfd of this process.
func self(t *testing.T) int {
	t.Helper()
	fd, err := unix.PidfdOpen(os.Getpid(), 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	return fd
}

func TestCallerIsWhoListens(t *testing.T) {
	addr := &unix.SockaddrUnix{Name: fmt.Sprintf("@nsjoin-test-%d", os.Getpid())}
	listener, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(listener)
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	socket := os.NewFile(uintptr(fd), "socket")
	defer socket.Close()
	if err := errors.Join(unix.Bind(listener, addr), unix.Listen(listener, 1), unix.Connect(fd, addr)); err != nil {
		t.Fatal(err)
	}
	c, err := callerOf(socket)
	if err != nil || c.pid != os.Getpid() {
		t.Fatalf("%+v, %v; it is us, %d", c, err, os.Getpid())
	}
	unix.Close(c.pidfd)
	if c, err := callerOf(device(t, "/dev/null")); err == nil {
		t.Errorf("%+v is at the other end of the null device", c)
	}
}

// A Docker CLI older than 24 has no socket; there is its pidfd.
func TestCallerByItsProcess(t *testing.T) {
	cmd, _ := lead(t, "cat")
	fd, err := unix.PidfdOpen(cmd.Process.Pid, 0)
	if err != nil {
		t.Fatal(err)
	}
	pidfd := os.NewFile(uintptr(fd), "pidfd")
	defer pidfd.Close()
	c, err := callerOf(pidfd)
	if err != nil || c.pid != os.Getppid() || c.socket != nil {
		t.Fatalf("%+v, %v", c, err)
	}
	if c.ends() {
		t.Error("one that lives ends")
	}
	o := newOnce()
	go c.watch(func() { t.Error("it was told of a signal") }, o)
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-o.given
	if !c.ends() {
		t.Error("one that was killed doesn't end")
	}
	if c, err := callerOf(pidfd); err == nil {
		t.Errorf("%+v has ended", c)
	}
}

// watches waits until a process has a pidfd, which is its parent's.
func watches(t *testing.T, pid string) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		fds, _ := procfs.Numbers("/proc/" + pid + "/fd")
		for _, fd := range fds {
			if target, err := os.Readlink(fmt.Sprintf("/proc/%s/fd/%d", pid, fd)); err == nil && strings.Contains(target, "pidfd") {
				return
			}
		}
	}
	t.Fatal("it doesn't watch")
}

func TestReadable(t *testing.T) {
	r, w := pipe(t)
	if readable(int(r.Fd()), 0) {
		t.Error("an empty pipe can be read")
	}
	if _, err := w.WriteString("x"); err != nil {
		t.Fatal(err)
	}
	if !readable(int(r.Fd()), forever) {
		t.Error("a full one can't be read")
	}
	empty, end := pipe(t)
	end.Close()
	if !readable(int(empty.Fd()), forever) {
		t.Error("one without a writer can't be read")
	}
}

func TestTerminalDevices(t *testing.T) {
	ours, theirs := terminal(t)
	r, _ := pipe(t)
	for _, row := range []struct {
		name string
		f    *os.File
		want bool
	}{
		{"a terminal", theirs, true},
		{"the null device", device(t, "/dev/null"), false},
		{"a pipe", r, false},
		{"a file", create(t), false},
	} {
		if got := isTerminalDevice(int(row.f.Fd())); got != row.want {
			t.Errorf("%s: %t", row.name, got)
		}
	}
	ours.Close() // nobody is at its other end any more
	if !isTerminalDevice(int(theirs.Fd())) {
		t.Error("a terminal that is gone is none")
	}
}
