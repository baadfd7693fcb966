//go:build linux

package observe

import (
	"os"
	"os/exec"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/procfs"
	"github.com/nsjoin/docker-nsjoin/pkg/thread"
)

// A signal that a container's first process gets between being attached to and being stopped is delivered. Before, it
// was dropped: docker stop, a reload or the end of a child could be missed.
func TestTracingDropsNoSignal(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	for _, row := range []struct {
		sig   unix.Signal
		state string // that the process is in afterwards
	}{{0, "S"}, {unix.SIGTERM, "Z"}, {unix.SIGSTOP, "T"}} {
		cmd := exec.Command("sleep", "600")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		thread.Run(func() { traceWhileSignalled(t, cmd.Process.Pid, row.sig) })
		awaitState(t, cmd.Process.Pid, row.state)
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}
}

// traceWhileSignalled stops process pid as traceFilters does, and lets it go on. sig arrives before it is stopped.
func traceWhileSignalled(t *testing.T, pid int, sig unix.Signal) {
	t.Helper()
	if err := attach(pid, stopTimeout); err != nil {
		t.Error(err)
		return
	}
	if sig != 0 {
		if err := unix.Kill(pid, sig); err != nil {
			t.Error(err)
		}
		awaitState(t, pid, "t")
	}
	got, err := stop(pid, stopTimeout)
	if err != nil || got != sig {
		t.Errorf("stopped for signal %d, not %d: %v", got, sig, err)
	}
	if err := detach(pid, got); err != nil {
		t.Error(err)
	}
}

// awaitState waits until a process is in a state.
func awaitState(t *testing.T, pid int, state string) {
	t.Helper()
	var now string
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		st, err := procfs.ReadStat(pid)
		if err != nil {
			t.Error(err)
			return
		}
		if now = string(st.State); now == state {
			return
		}
	}
	t.Errorf("process %d is in state %s, not %s", pid, now, state)
}
