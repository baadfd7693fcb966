//go:build linux

package join

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// written is the output of the process that the watchdog executes.
type written struct {
	Args, Env []string
	Read      string // all of its standard input
	Leads     bool   // its session
}

// TestExecuted is the process that the watchdog of the other tests executes.
func TestExecuted(t *testing.T) {
	if flag.Arg(0) != "watchdog" {
		return // not that process
	}
	text, err := io.ReadAll(os.Stdin)
	if err != nil {
		t.Fatal(err)
	}
	sid, err := unix.Getsid(0)
	if err != nil {
		t.Fatal(err)
	}
	r := written{Args: flag.Args(), Env: os.Environ(), Read: string(text), Leads: sid == os.Getpid()}
	if err := json.NewEncoder(os.Stderr).Encode(r); err != nil {
		t.Fatal(err)
	}
	os.Exit(7) // before the test writes to stdout
}

// startWatchdog starts a watchdog, which is killed after the test if it still runs.
func startWatchdog(t *testing.T, alive, stdout, stderr *os.File) (pid int, ended func() unix.WaitStatus) {
	t.Helper()
	pid, err := ForkWatchdog([]string{"name", "-test.run=^TestExecuted$", "watchdog", "a b", ""}, alive, stdout, stderr)
	if err != nil {
		t.Fatal(err)
	}
	waited := false
	t.Cleanup(func() {
		if !waited {
			_ = unix.Kill(pid, unix.SIGKILL)
			_, _ = unix.Wait4(pid, nil, unix.WALL, nil)
		}
	})
	return pid, func() (ws unix.WaitStatus) {
		waited = true
		for {
			if _, err := unix.Wait4(pid, &ws, unix.WALL, nil); !errors.Is(err, unix.EINTR) {
				return ws
			}
		}
	}
}

func pair(t *testing.T) (r, w *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close(); w.Close() })
	return r, w
}

func TestWatchdogExecutesTheHelperWhenThePipeHangsUp(t *testing.T) {
	alive, w := pair(t)
	checkExecuted(t, alive, w)
}

// The session's orders come by a socket.
func TestWatchdogExecutesTheHelperWhenTheSocketHangsUp(t *testing.T) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	alive, w := os.NewFile(uintptr(fds[0]), "r"), os.NewFile(uintptr(fds[1]), "w")
	defer alive.Close()
	defer w.Close()
	checkExecuted(t, alive, w)
}

// checkExecuted starts a watchdog whose orders come through alive, the other end of w, and checks what it
// executes.
func checkExecuted(t *testing.T, alive, w *os.File) {
	t.Helper()
	out, stderr := pair(t)
	_, ended := startWatchdog(t, alive, open(t, "/dev/null"), stderr)
	stderr.Close()
	alive.Close()
	if _, err := w.WriteString("orders\n"); err != nil {
		t.Fatal(err)
	}
	w.Close()
	if err := out.SetReadDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	var r written
	if err := json.NewDecoder(out).Decode(&r); err != nil {
		t.Fatal(err)
	}
	if ws := ended(); ws.ExitStatus() != 7 {
		t.Errorf("it ended with %#x", ws)
	}
	if !slices.Equal(r.Args, []string{"watchdog", "a b", ""}) || len(r.Env) > 0 {
		t.Errorf("it has the arguments %q and the environment %q", r.Args, r.Env)
	}
	if r.Read != "orders\n" {
		t.Errorf("it reads %q: what was written is lost", r.Read)
	}
	if !r.Leads {
		t.Error("it is in our session")
	}
}

// Until then the watchdog is only a fork, which holds the three streams.
func TestWatchdogHoldsItsStreamsOnly(t *testing.T) {
	alive, w := pair(t)
	_, stderr := pair(t)
	pid, ended := startWatchdog(t, alive, os.Stdin, stderr)
	want := []string{link(t, "self", alive.Fd()), link(t, "self", 0), link(t, "self", stderr.Fd())}
	if _, err := w.WriteString("orders\n"); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(30 * time.Second); len(descriptorsOf(t, pid)) != len(want); {
		if time.Now().After(deadline) {
			t.Fatalf("it has %q open", descriptorsOf(t, pid))
		}
		time.Sleep(time.Millisecond)
	}
	for fd := range want {
		if got := link(t, fmt.Sprint(pid), uintptr(fd)); got != want[fd] {
			t.Errorf("descriptor %d is %s, want %s", fd, got, want[fd])
		}
	}
	ours, err := os.ReadFile("/proc/self/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	if its, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid)); err != nil || string(its) != string(ours) {
		t.Errorf("it executes %q already, %v", its, err)
	}
	if err := unix.Kill(pid, unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if ws := ended(); ws.Signal() != unix.SIGKILL {
		t.Errorf("it ended with %#x before", ws)
	}
}

func TestWatchdogOfArgumentsWithANUL(t *testing.T) {
	alive, _ := pair(t)
	if pid, err := ForkWatchdog([]string{"a\x00b"}, alive, nil, nil); pid != 0 || !errors.Is(err, unix.EINVAL) {
		t.Errorf("process %d, %v; want %v", pid, err, unix.EINVAL)
	}
	nothingLeft(t, "refused")
}

func link(t *testing.T, process string, fd uintptr) string {
	t.Helper()
	target, err := os.Readlink(fmt.Sprintf("/proc/%s/fd/%d", process, fd))
	if err != nil {
		t.Fatal(err)
	}
	return target
}

func descriptorsOf(t *testing.T, pid int) []string {
	t.Helper()
	entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}
