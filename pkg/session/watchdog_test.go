//go:build linux

package session

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"reflect"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/ns"
	"github.com/nsjoin/docker-nsjoin/pkg/procfs"
	"github.com/nsjoin/docker-nsjoin/pkg/stdio"
	"github.com/nsjoin/docker-nsjoin/pkg/watchdog"
)

const watching = "NSJOIN_TEST_WATCHING"

// TestWatching is the watchdog of the other tests.
func TestWatching(*testing.T) {
	if os.Getenv(watching) == "" {
		return // not the watchdog
	}
	if err := RunWatchdog(); err != nil && !errors.Is(err, unix.EIO) {
		os.Exit(1)
	}
	os.Exit(0)
}

// watch runs a watchdog with the caller's terminal and our end of the command's terminal. It sends the
// orders and then closes the socket, as when the helper ends.
func watch(t *testing.T, terminal, pty, command *os.File, orders ...order) (ended <-chan string) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	r, w := os.NewFile(uintptr(fds[0]), "orders"), os.NewFile(uintptr(fds[1]), "orders")
	defer w.Close()
	cmd := exec.Command(os.Args[0], "-test.run=^TestWatching$")
	cmd.Env = append(os.Environ(), watching+"=1")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = r, terminal, pty
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	r.Close()
	for _, o := range orders {
		var pidfd *os.File
		if o.PID != 0 {
			pidfd = command
		}
		if err := tell(&watchdog.Watchdog{Conn: w}, o, pidfd); err != nil {
			t.Fatal(err)
		}
	}
	w.Close()
	done := make(chan string, 1)
	finished := make(chan struct{})
	go func() {
		_ = cmd.Wait()
		done <- cmd.ProcessState.String()
		close(finished)
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-finished
	})
	return done
}

// orderOf returns the first order of a session, and the pidfd of its command.
func orderOf(t *testing.T, command *exec.Cmd, leads bool) (order, *os.File) {
	t.Helper()
	g := newTestGroup(t, command.Process.Pid, leads)
	return order{PID: g.pid, Leads: leads, Space: g.pidNS}, g.pidfd
}

func TestOrderIsJSON(t *testing.T) {
	for _, o := range []order{
		{},
		{PID: 1 << 30, Leads: true, Space: ns.ID{Dev: 4, Ino: 1<<64 - 1}},
		{Drain: true},
		{PID: 7, Terminal: &unix.Termios{Iflag: 1}},
	} {
		want, err := json.Marshal(o)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := o.text(); err != nil || string(got) != string(want) {
			t.Errorf("%s, %v\nwant %s", got, err, want)
		}
	}
}

func TestWatchdogWithoutOrdersDoesNothing(t *testing.T) {
	null := openDevice(t, "/dev/null")
	if got := wait(t, "it", watch(t, null, null, null)); got != "exit status 0" {
		t.Errorf("it ends with %s", got)
	}
}

func TestWatchdogEndsTheSession(t *testing.T) {
	for _, leads := range []bool{true, false} {
		cmd, children := startLeader(t, "sh", "-c", `sleep 600 >/dev/null & echo $!; read ready; read end`)
		null := openDevice(t, "/dev/null")
		o, pidfd := orderOf(t, cmd, leads)
		ended := watch(t, null, null, pidfd, o)
		if got := wait(t, "it", ended); got != "exit status 0" {
			t.Errorf("leads %t: it ends with %s", leads, got)
		}
		waitGone(t, cmd.Process.Pid)
		st, err := procfs.ReadStat(children[0])
		if alive := err == nil && !st.Dead(); alive == leads {
			t.Errorf("leads %t: the command's child lives: %t", leads, alive)
		}
		_ = unix.Kill(children[0], unix.SIGKILL)
	}
}

// rawTestTerminal opens a terminal and makes it raw. before are its settings until then.
func rawTestTerminal(t *testing.T) (tty *os.File, before *unix.Termios) {
	t.Helper()
	_, tty = openTestTerminal(t)
	before, err := unix.IoctlGetTermios(int(tty.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	makeRaw(t, tty)
	return tty, before
}

func TestWatchdogRestoresTheTerminal(t *testing.T) {
	tty, before := rawTestTerminal(t)
	cmd, _ := startLeader(t, "cat")
	o, pidfd := orderOf(t, cmd, true)
	o.Terminal = before
	ended := watch(t, tty, openDevice(t, "/dev/null"), pidfd, o)
	if got := wait(t, "it", ended); got != "exit status 0" {
		t.Errorf("it ends with %s", got)
	}
	after, err := unix.IoctlGetTermios(int(tty.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(after, before) {
		t.Errorf("the terminal is %+v, was %+v", after, before)
	}
}

// The command may have ended together with the helper, and been reaped by init.
func TestWatchdogGivesTheTerminalOfAnEndedCommandBack(t *testing.T) {
	tty, before := rawTestTerminal(t)
	cmd, _ := startLeader(t, "cat")
	o, pidfd := orderOf(t, cmd, true)
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	o.Terminal = before
	wait(t, "it", watch(t, tty, openDevice(t, "/dev/null"), pidfd, o))
	if after, err := unix.IoctlGetTermios(int(tty.Fd()), unix.TCGETS); err != nil || *after != *before {
		t.Errorf("the terminal is %+v, %v; was %+v", after, err, before)
	}
}

// After the detach keys the command goes on, and the watchdog reads what it writes to its terminal:
// otherwise it would block once the terminal's buffer is full.
func TestWatchdogReadsTheTerminalOfADetachedCommand(t *testing.T) {
	ours, theirs := openTestTerminal(t)
	command, _ := startLeader(t, "cat")
	keyboard, caller := openTestTerminal(t)
	o, pidfd := orderOf(t, command, true)
	ended := watch(t, caller, ours, pidfd, o, order{Drain: true})
	ours.Close()
	caller.Close()
	// The watchdog must not hold the caller's terminal, which otherwise could not be closed or unmounted.
	if err := keyboard.SetReadDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := keyboard.Read(make([]byte, 1)); !errors.Is(err, unix.EIO) {
		t.Errorf("the caller's terminal is held: %v, want %v", err, unix.EIO)
	}
	written := make(chan string, 1)
	go func() {
		_, err := theirs.WriteString(strings.Repeat("x", 1<<20))
		theirs.Close()
		written <- text(err)
	}()
	if got := wait(t, "the command", written); got != "" {
		t.Errorf("the command can't write: %s", got)
	}
	if got := wait(t, "it", ended); got != "exit status 0" {
		t.Errorf("it ends with %s", got)
	}
	if st, err := procfs.ReadStat(command.Process.Pid); err != nil || st.Dead() {
		t.Errorf("the command was ended: %+v, %v", st, err)
	}
}

// The command may have ended before the watchdog acts, while its children are still in the session.
func TestWatchdogEndsTheSessionOfAnEndedCommand(t *testing.T) {
	cmd, children := startLeader(t, "sh", "-c", `sleep 600 >/dev/null & echo $!; read ready; read end`)
	o, pidfd := orderOf(t, cmd, true)
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	null := openDevice(t, "/dev/null")
	if got := wait(t, "it", watch(t, null, null, pidfd, o)); got != "exit status 0" {
		t.Errorf("it ends with %s", got)
	}
	waitGone(t, children[0])
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// fakeFork returns a replacement of join.ForkWatchdog that starts a process which does nothing, and a
// function that returns a decoder of the orders written to the watchdog.
func fakeFork(t *testing.T) (watchdog.Fork, func() *json.Decoder) {
	t.Helper()
	var orders *os.File
	fork := func(_ []string, alive, _, _ *os.File) (int, error) {
		fd, err := unix.FcntlInt(alive.Fd(), unix.F_DUPFD_CLOEXEC, 0)
		if err != nil {
			return 0, err
		}
		orders = os.NewFile(uintptr(fd), "orders")
		t.Cleanup(func() { orders.Close() })
		cmd := exec.Command("sleep", "600")
		if err := cmd.Start(); err != nil {
			return 0, err
		}
		pid := cmd.Process.Pid
		t.Cleanup(func() {
			_ = cmd.Process.Kill()
			_, _ = unix.Wait4(pid, nil, unix.WNOHANG, nil)
		})
		return pid, nil
	}
	return fork, func() *json.Decoder {
		_ = orders.SetReadDeadline(time.Now().Add(30 * time.Second))
		return json.NewDecoder(orders)
	}
}

func TestWatchdogIsStopped(t *testing.T) {
	fork, _ := fakeFork(t)
	w, err := startWatchdog(fork, false, nil)
	if err != nil {
		t.Fatal(err)
	}
	w.Stop()
	if err := unix.Kill(w.PID, 0); !errors.Is(err, unix.ESRCH) {
		t.Errorf("it is left: %v", err)
	}
}

func TestWatchdogThatCantBeStarted(t *testing.T) {
	broken := errors.New("broken")
	w, err := startWatchdog(func([]string, *os.File, *os.File, *os.File) (int, error) { return 0, broken }, false, nil)
	if w != nil || !errors.Is(err, broken) {
		t.Errorf("%+v, %v; want %v", w, err, broken)
	}
}

// The watchdog gets the caller's terminal and our end of the command's terminal. Without a terminal it must
// not hold any of the caller's streams open.
func TestWatchdogHasTheTerminalsOnly(t *testing.T) {
	ours, _ := openTestTerminal(t)
	for _, pty := range []*os.File{nil, ours} {
		var got [3]*os.File
		var args []string
		_, err := startWatchdog(func(a []string, alive, stdout, stderr *os.File) (int, error) {
			args, got = a, [3]*os.File{alive, stdout, stderr}
			return 0, errors.New("enough")
		}, pty != nil, pty)
		want := [3]*os.File{got[0], os.Stdin, pty}
		if pty == nil {
			want = [3]*os.File{got[0], got[0], got[0]}
		}
		if err == nil || got != want || len(args) != 2 || args[1] != WatchdogArg {
			t.Errorf("arguments %q, streams %v, want %v", args, got, want)
		}
	}
}

// The helper can be killed before it sends the pidfd. An order about a process without a pidfd is ignored.
func TestWatchdogEndsNothingWithoutAPidfd(t *testing.T) {
	cmd, _ := startLeader(t, "cat")
	null := openDevice(t, "/dev/null")
	o, pidfd := orderOf(t, cmd, true)
	pidfd.Close()
	if got := wait(t, "it", watch(t, null, null, nil, o)); got != "exit status 0" {
		t.Errorf("it ends with %s", got)
	}
	if st, err := procfs.ReadStat(cmd.Process.Pid); err != nil || st.Dead() {
		t.Errorf("the command was ended: %+v, %v", st, err)
	}
}

// A process of the container can keep the terminal of a detached command open, but not the watchdog.
func TestWatchdogEndsAfterADetachedCommand(t *testing.T) {
	ours, theirs := openTestTerminal(t)
	defer theirs.Close()
	command, _ := startLeader(t, "cat")
	_, caller := openTestTerminal(t)
	o, pidfd := orderOf(t, command, true)
	ended := watch(t, caller, ours, pidfd, o, order{Drain: true})
	ours.Close()
	_ = command.Process.Kill()
	_ = command.Wait()
	if got := wait(t, "it", ended); got != "exit status 0" {
		t.Errorf("it ends with %s", got)
	}
}

func TestListenKeepsOneDescriptor(t *testing.T) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	r, w := os.NewFile(uintptr(fds[0]), "r"), &watchdog.Watchdog{Conn: os.NewFile(uintptr(fds[1]), "w")}
	defer r.Close()
	command := pidfdOf(t, os.Getpid())
	if err := tell(w, order{PID: 7}, command); err != nil {
		t.Fatal(err)
	}
	if err := tell(w, order{Drain: true}, nil); err != nil {
		t.Fatal(err)
	}
	w.Conn.Close()
	orders, pidfd := listen(r)
	if got := strings.Count(string(orders), "\n"); got != 2 {
		t.Errorf("%d orders, want 2: %s", got, orders)
	}
	if pidfd == nil {
		t.Fatal("no pidfd came")
	}
	defer pidfd.Close()
	if !stdio.SameFile(pidfd, command) {
		t.Error("another file came")
	}
	if flags, err := unix.FcntlInt(pidfd.Fd(), unix.F_GETFD, 0); err != nil || flags&unix.FD_CLOEXEC == 0 {
		t.Errorf("its descriptor has the flags %#x, %v", flags, err)
	}
}
