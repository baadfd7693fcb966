package launch

import (
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A helper whose output is not read does not end when its command does, and is not to be left before.
func TestCommandHasEnded(t *testing.T) {
	m := &Beside{cmd: exec.Command("sh", "-c", "sleep 1000 & wait; read line; exit 3")}
	in, err := m.cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := m.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	helper := strconv.Itoa(m.cmd.Process.Pid)
	var children []string
	await := func(what string, is func() bool) {
		t.Helper()
		for range 6000 {
			if is() {
				return
			}
			time.Sleep(10 * time.Millisecond)
		}
		t.Fatal("not in a minute: ", what)
	}
	await("a child", func() bool {
		text, err := os.ReadFile("/proc/" + helper + "/task/" + helper + "/children")
		children = strings.Fields(string(text))
		return err != nil || len(children) > 0
	})
	child, err := strconv.Atoi(strings.Join(children, ""))
	if err != nil {
		t.Fatal(err)
	}
	if m.CommandHasEnded() {
		t.Error("a running command is taken for one that has ended")
	}
	if err := unix.Kill(child, unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	await("the end of the command", m.CommandHasEnded)
	if err := unix.Kill(m.cmd.Process.Pid, 0); err != nil {
		t.Error(err)
	}
	in.Close()
	if err := m.cmd.Wait(); err == nil || !m.CommandHasEnded() || m.cmd.ProcessState.ExitCode() != 3 {
		t.Error(err)
	}
}
