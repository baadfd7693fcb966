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

// stoodBy is what the process tells that Standby executed.
type stoodBy struct {
	Args, Env []string
	Read      string // all of its standard input
	Leads     bool   // its session
}

// TestWhatStoodBy is the process of the other tests.
func TestWhatStoodBy(t *testing.T) {
	if flag.Arg(0) != "stood by" {
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
	told := stoodBy{Args: flag.Args(), Env: os.Environ(), Read: string(text), Leads: sid == os.Getpid()}
	if err := json.NewEncoder(os.Stderr).Encode(told); err != nil {
		t.Fatal(err)
	}
	os.Exit(7) // before the test's own word on stdout
}

// standBy starts one, which is killed after the test if it is there still.
func standBy(t *testing.T, alive, stdout, stderr *os.File) (pid int, ended func() unix.WaitStatus) {
	t.Helper()
	pid, err := Standby([]string{"name", "-test.run=^TestWhatStoodBy$", "stood by", "a b", ""}, alive, stdout, stderr)
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

func TestStandbyRunsWhenThePipeHangsUp(t *testing.T) {
	alive, w := pair(t)
	standsBy(t, alive, w)
}

// The session's orders come by a socket.
func TestStandbyRunsWhenTheSocketHangsUp(t *testing.T) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	alive, w := os.NewFile(uintptr(fds[0]), "r"), os.NewFile(uintptr(fds[1]), "w")
	defer alive.Close()
	defer w.Close()
	standsBy(t, alive, w)
}

// standsBy starts one whose orders come through alive, the other end of w, and checks what it runs.
func standsBy(t *testing.T, alive, w *os.File) {
	t.Helper()
	out, stderr := pair(t)
	_, ended := standBy(t, alive, open(t, "/dev/null"), stderr)
	stderr.Close()
	alive.Close()
	if _, err := w.WriteString("orders\n"); err != nil {
		t.Fatal(err)
	}
	w.Close()
	if err := out.SetReadDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	var told stoodBy
	if err := json.NewDecoder(out).Decode(&told); err != nil {
		t.Fatal(err)
	}
	if ws := ended(); ws.ExitStatus() != 7 {
		t.Errorf("it ended with %#x", ws)
	}
	if !slices.Equal(told.Args, []string{"stood by", "a b", ""}) || len(told.Env) > 0 {
		t.Errorf("it has the arguments %q and the environment %q", told.Args, told.Env)
	}
	if told.Read != "orders\n" {
		t.Errorf("it reads %q: what was written is not left", told.Read)
	}
	if !told.Leads {
		t.Error("it is in a session of ours")
	}
}

// Until then it is nothing but a fork, which holds the three streams alone.
func TestStandbyHoldsItsStreamsOnly(t *testing.T) {
	alive, w := pair(t)
	_, stderr := pair(t)
	pid, ended := standBy(t, alive, os.Stdin, stderr)
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

func TestStandbyOfArgumentsWithANUL(t *testing.T) {
	alive, _ := pair(t)
	if pid, err := Standby([]string{"a\x00b"}, alive, nil, nil); pid != 0 || !errors.Is(err, unix.EINVAL) {
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
