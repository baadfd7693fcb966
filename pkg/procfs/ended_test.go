//go:build linux

package procfs

import (
	"os/exec"
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

func TestEndStatusOfWhatIsNone(t *testing.T) {
	for _, text := range []string{"", "1 (x", "1 (x) Z 1 2 3"} {
		if got, err := parseEndStatus(text); err == nil {
			t.Errorf("%q: %#x", text, int(got))
		}
	}
}
