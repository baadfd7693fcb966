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

const envCommandPID = "NSJOIN_TEST_WATCHED_COMMAND"

// TestCallerWatchChild is the helper of the other tests, run in a child: its parent stands for
// the CLI, and descriptor 3 is the CLI's socket.
func TestCallerWatchChild(t *testing.T) {
	pid, err := strconv.Atoi(os.Getenv(envCommandPID))
	if err != nil {
		return // not the helper
	}
	cli, err := unix.PidfdOpen(os.Getppid(), 0)
	if err != nil {
		t.Fatal(err)
	}
	gone := newEvent()
	c := &caller{socket: os.NewFile(3, "socket"), pid: os.Getppid(), pidfd: cli}
	go c.watch(func() { _ = unix.Kill(pid, unix.SIGTERM) }, gone)
	if _, err := fmt.Println(os.Getpid()); err != nil {
		t.Fatal(err)
	}
	<-gone.fired
	if _, err := os.Stdout.WriteString("gone\n"); err != nil {
		t.Fatal(err)
	}
	os.Exit(0)
}

// callerTest is a CLI, a helper that watches it, and the helper's command.
type callerTest struct {
	cli, command *exec.Cmd
	socket       *os.File
	output       *bufio.Reader // of the helper
}

func newCallerTest(t *testing.T) *callerTest {
	t.Helper()
	command := exec.Command("sleep", "600")
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = command.Process.Kill(); _ = command.Wait() })
	ourEnd, cliEnd := socketPair(t)
	cli := exec.Command("sh", "-c", `"$0" "$@"; :`, os.Args[0], "-test.run=^TestCallerWatchChild$")
	cli.Env = append(os.Environ(), envCommandPID+"="+strconv.Itoa(command.Process.Pid))
	r, w := pipe(t)
	cli.Stdout, cli.ExtraFiles = w, []*os.File{cliEnd}
	if err := cli.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cli.Process.Kill(); _ = cli.Wait() })
	w.Close()
	cliEnd.Close()
	if err := r.SetReadDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	c := &callerTest{cli: cli, command: command, socket: ourEnd, output: bufio.NewReader(r)}
	waitForPidfd(t, c.line(t))
	return c
}

func (c *callerTest) line(t *testing.T) string {
	t.Helper()
	line, err := c.output.ReadString('\n')
	if err != nil {
		t.Fatalf("the helper prints %q, %v", line, err)
	}
	return strings.TrimSpace(line)
}

func (c *callerTest) killCLI() {
	_ = c.cli.Process.Kill()
	_ = c.cli.Wait()
}

func TestKilledCallerIsGone(t *testing.T) {
	c := newCallerTest(t)
	c.killCLI()
	c.socket.Close()
	if got := c.line(t); got != "gone" {
		t.Errorf("the helper prints %q", got)
	}
	_ = c.command.Process.Kill() // only the first fatal signal counts
	_ = c.command.Wait()
	if ws := c.command.ProcessState.Sys().(syscall.WaitStatus); ws.Signal() != unix.SIGKILL {
		t.Errorf("the command got %v", ws.Signal())
	}
}

// A CLI that closes the socket and lives on has got a signal, which is for the command.
func TestCallersSignalReachesTheCommand(t *testing.T) {
	c := newCallerTest(t)
	c.socket.Close()
	_ = c.command.Wait()
	if ws := c.command.ProcessState.Sys().(syscall.WaitStatus); ws.Signal() != unix.SIGTERM {
		t.Errorf("the command ended with %#x, want %v", ws, unix.SIGTERM)
	}
	c.killCLI()
	if got := c.line(t); got != "gone" {
		t.Errorf("the helper prints %q", got)
	}
}

// The command may end before the helper notices that the CLI is exiting.
func TestCallerEnding(t *testing.T) {
	ourEnd, cliEnd := socketPair(t)
	cmd, _ := startLeader(t, "cat")
	pidfd, err := unix.PidfdOpen(cmd.Process.Pid, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(pidfd)
	c := &caller{socket: ourEnd, pid: cmd.Process.Pid, pidfd: pidfd}
	if c.ending() || (*caller)(nil).ending() {
		t.Error("ending is true for a living caller")
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	waitGone(t, cmd.Process.Pid)
	if !c.exiting() || !c.ending() {
		t.Error("exiting or ending is false for a killed caller")
	}
	_ = cmd.Wait()
	if !c.exiting() {
		t.Error("exiting is false for a reaped caller")
	}
	c.pid, c.pidfd = os.Getpid(), selfPidfd(t)
	if c.ending() {
		t.Error("ending is true for this process")
	}
	cliEnd.Close()
	if !c.ending() || c.exiting() {
		t.Error("after the socket was closed ending is false, or exiting is true")
	}
}

func selfPidfd(t *testing.T) int {
	t.Helper()
	fd, err := unix.PidfdOpen(os.Getpid(), 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	return fd
}

func TestCallerIsTheListeningProcess(t *testing.T) {
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
		t.Fatalf("%+v, %v; want pid %d", c, err, os.Getpid())
	}
	unix.Close(c.pidfd)
	if c, err := callerOf(openDevice(t, "/dev/null")); err == nil {
		t.Errorf("callerOf accepts the null device: %+v", c)
	}
}

// A Docker CLI older than 24 has no socket, so the helper gets its pidfd.
func TestCallerByPidfd(t *testing.T) {
	cmd, _ := startLeader(t, "cat")
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
	if c.ending() {
		t.Error("ending is true for a living caller")
	}
	o := newEvent()
	go c.watch(func() { t.Error("watch reports a signal") }, o)
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-o.fired
	if !c.ending() {
		t.Error("ending is false for a killed caller")
	}
	if c, err := callerOf(pidfd); err == nil {
		t.Errorf("callerOf accepts an ended process: %+v", c)
	}
}

// waitForPidfd waits until a process has a pidfd open: that of its parent.
func waitForPidfd(t *testing.T, pid string) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		fds, _ := procfs.Numbers("/proc/" + pid + "/fd")
		for _, fd := range fds {
			if target, err := os.Readlink(fmt.Sprintf("/proc/%s/fd/%d", pid, fd)); err == nil && strings.Contains(target, "pidfd") {
				return
			}
		}
	}
	t.Fatal("the helper opens no pidfd")
}

func TestReadable(t *testing.T) {
	r, w := pipe(t)
	if readable(int(r.Fd()), 0) {
		t.Error("an empty pipe is readable")
	}
	if _, err := w.WriteString("x"); err != nil {
		t.Fatal(err)
	}
	if !readable(int(r.Fd()), noTimeout) {
		t.Error("a pipe with data is not readable")
	}
	empty, end := pipe(t)
	end.Close()
	if !readable(int(empty.Fd()), noTimeout) {
		t.Error("a pipe without a writer is not readable")
	}
}

func TestIsTerminalDevice(t *testing.T) {
	pty, tty := openTestTerminal(t)
	r, _ := pipe(t)
	for _, row := range []struct {
		name string
		f    *os.File
		want bool
	}{
		{"a terminal", tty, true},
		{"the null device", openDevice(t, "/dev/null"), false},
		{"a pipe", r, false},
		{"a file", createAppendFile(t), false},
	} {
		if got := isTerminalDevice(int(row.f.Fd())); got != row.want {
			t.Errorf("%s: %t", row.name, got)
		}
	}
	pty.Close() // the terminal hangs up
	if !isTerminalDevice(int(tty.Fd())) {
		t.Error("false for a terminal that has hung up")
	}
}
