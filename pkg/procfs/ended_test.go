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

// The status of a process that nobody has waited for yet is what waiting tells.
func TestEndStatus(t *testing.T) {
	for _, script := range []string{"exit 0", "exit 42", "kill -KILL $$", "kill -TERM $$"} {
		cmd := exec.Command("sh", "-c", script)
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
		got, err := EndStatusIn(dir)
		unix.Close(dir)
		_ = cmd.Wait()
		if want, _ := cmd.ProcessState.Sys().(interface{ ExitStatus() int }); err != nil ||
			got.ExitStatus() != want.ExitStatus() || got.Signaled() != (cmd.ProcessState.ExitCode() < 0) {
			t.Errorf("%s: status %#x, %v; waiting tells %s", script, int(got), err, cmd.ProcessState)
		}
	}
}

// To a process that may not trace another one the kernel shows 0, which is no success.
func TestEndStatusThatIsNotTold(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Fatal("becoming another user takes root")
	}
	cmd := exec.Command("sh", "-c", "exit 42")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = cmd.Wait() }()
	var info unix.Siginfo
	if err := unix.Waitid(unix.P_PID, cmd.Process.Pid, &info, unix.WEXITED|unix.WNOWAIT, nil); err != nil {
		t.Fatal(err)
	}
	dir, err := unix.Open("/proc/"+strconv.Itoa(cmd.Process.Pid), unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(dir)
	type answer struct {
		text   string
		status unix.WaitStatus
		err    error
	}
	told := make(chan answer)
	go func() {
		runtime.LockOSThread() // which ends with the user that it becomes
		if _, _, errno := unix.RawSyscall(unix.SYS_SETRESUID, 1234, 1234, 1234); errno != 0 {
			told <- answer{err: errno}
			return
		}
		var a answer
		a.text, a.err = readText(dir, "stat")
		if a.err == nil {
			a.status, a.err = EndStatusIn(dir)
		}
		told <- a
	}()
	a := <-told
	if seen, err := parseEndStatus(a.text); err != nil || seen != 0 {
		t.Fatalf("the kernel tells of %#x, %v: the case did not come about", int(seen), err)
	}
	if !errors.Is(a.err, ErrUntold) {
		t.Errorf("status %#x, %v", int(a.status), a.err)
	}
}

func TestEndStatusOfWhatIsNone(t *testing.T) {
	for _, text := range []string{"", "1 (x", "1 (x) Z 1 2 3"} {
		if got, err := parseEndStatus(text); err == nil {
			t.Errorf("%q: %#x", text, int(got))
		}
	}
}
