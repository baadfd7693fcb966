//go:build linux

package procfs

import (
	"errors"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"
)

// startZombie runs a script until it has ended and leaves it to be waited for. dir is its directory in /proc,
// open until the test ends.
func startZombie(t *testing.T, script string) (cmd *exec.Cmd, dir int) {
	t.Helper()
	cmd = exec.Command("sh", "-c", script)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var info unix.Siginfo
	if err := unix.Waitid(unix.P_PID, cmd.Process.Pid, &info, unix.WEXITED|unix.WNOWAIT, nil); err != nil {
		t.Fatal(err)
	}
	dir, err := unix.Open("/proc/"+strconv.Itoa(cmd.Process.Pid), unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(dir) })
	return cmd, dir
}

// A zombie's exit status in /proc is the one that wait returns.
func TestReadExitStatusAt(t *testing.T) {
	for _, script := range []string{"exit 0", "exit 42", "kill -KILL $$", "kill -TERM $$"} {
		cmd, dir := startZombie(t, script)
		got, err := ReadExitStatusAt(dir)
		_ = cmd.Wait()
		if want, _ := cmd.ProcessState.Sys().(interface{ ExitStatus() int }); err != nil ||
			got.ExitStatus() != want.ExitStatus() || got.Signaled() != (cmd.ProcessState.ExitCode() < 0) {
			t.Errorf("%s: status %#x, %v; wait returns %s", script, int(got), err, cmd.ProcessState)
		}
	}
}

// To a process that may not trace it the kernel shows 0, which must not be taken for success.
func TestHiddenExitStatus(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Fatal("needs root")
	}
	cmd, dir := startZombie(t, "exit 42")
	defer func() { _ = cmd.Wait() }()
	type answer struct {
		text   string
		status unix.WaitStatus
		err    error
	}
	answers := make(chan answer)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with its other user
		if _, _, errno := unix.RawSyscall(unix.SYS_SETRESUID, 1234, 1234, 1234); errno != 0 {
			answers <- answer{err: errno}
			return
		}
		var a answer
		a.text, a.err = readText(dir, "stat")
		if a.err == nil {
			a.status, a.err = ReadExitStatusAt(dir)
		}
		answers <- a
	}()
	a := <-answers
	if seen, err := parseExitStatus(a.text); err != nil || seen != 0 {
		t.Fatalf("the kernel shows %#x, %v: the test needs a hidden status", int(seen), err)
	}
	if !errors.Is(a.err, ErrExitStatusHidden) {
		t.Errorf("status %#x, %v", int(a.status), a.err)
	}
}

func TestMalformedExitStatus(t *testing.T) {
	for _, text := range []string{"", "1 (x", "1 (x) Z 1 2 3"} {
		if got, err := parseExitStatus(text); err == nil {
			t.Errorf("%q: %#x", text, int(got))
		}
	}
}
