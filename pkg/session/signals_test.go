//go:build linux

package session

import (
	"fmt"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/procfs"
)

// waitForState waits until a process is in a state of proc_pid_stat(5).
func waitForState(t *testing.T, pid int, state byte) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(time.Millisecond) {
		st, err := procfs.ReadStat(pid)
		if err != nil {
			t.Fatal(err)
		}
		if st.State == state {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("process %d is in state %c, not %c", pid, st.State, state)
		}
	}
}

// Ctrl-z at a terminal, and then fg.
func TestCtrlZStopsTheProcessGroup(t *testing.T) {
	cmd, children := startLeader(t, "sh", "-c", `
		sleep 600 >/dev/null & a=$!
		setsid sleep 600 >/dev/null & b=$!
		until [ "$(cut -d' ' -f6 /proc/$b/stat)" = $b ]; do :; done
		echo $a $b; read ready; read end`)
	g := newTestGroup(t, cmd.Process.Pid, true)
	g.forward(unix.SIGTSTP)
	waitForState(t, g.pid, 'T')
	waitForState(t, children[0], 'T')
	waitForState(t, children[1], 'S') // which has a process group of its own
	g.forward(unix.SIGCONT)
	waitForState(t, g.pid, 'S')
	waitForState(t, children[0], 'S')
}

func TestCtrlZWithHandlerDoesNotStop(t *testing.T) {
	cmd, _ := startLeader(t, "sh", "-c", `trap "exit 42" TSTP; echo; while :; do read end || sleep 0.1; done`)
	newTestGroup(t, cmd.Process.Pid, true).forward(unix.SIGTSTP)
	if err := cmd.Wait(); cmd.ProcessState.ExitCode() != 42 {
		t.Errorf("Wait returns %v", err)
	}
}

// A signal from a key goes to the process group, a signal from kill(1) to the command alone.
func TestKeySignalsReachTheProcessGroup(t *testing.T) {
	for _, row := range []struct {
		sig   unix.Signal
		group bool
	}{
		{unix.SIGINT, true},
		{unix.SIGQUIT, true},
		{unix.SIGTERM, false},
		{unix.SIGHUP, false},
		{unix.SIGUSR1, false},
		{unix.SIGUSR2, false},
	} {
		// exec, since a shell's background children ignore SIGINT.
		cmd, children := startLeader(t, "bash", "-c", `(echo $BASHPID; exec sleep 600 >/dev/null); exec sleep 600`)
		g := newTestGroup(t, cmd.Process.Pid, true)
		waitForState(t, g.pid, 'S')
		waitForProgram(t, children[0], "sleep") // bash handles signals until it executes it
		g.forward(row.sig)
		if row.group {
			waitGone(t, children[0])
		} else if waitGone(t, g.pid); !isAlive(children[0]) {
			t.Errorf("%v: the child has ended", row.sig)
		}
	}
}

// waitForProgram waits until a process executes a program of that name.
func waitForProgram(t *testing.T, pid int, name string) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(time.Millisecond) {
		comm, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
		if err == nil && string(comm) == name+"\n" {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("process %d is %q, %v, not %s", pid, comm, err, name)
		}
	}
}

func isAlive(pid int) bool {
	st, err := procfs.ReadStat(pid)
	return err == nil && !st.Dead()
}

// A signal that comes before the command runs is neither lost nor ends this process.
func TestSignalBeforeCommandRunsIsForwarded(t *testing.T) {
	s := catch()
	defer s.stop()
	if err := unix.Kill(os.Getpid(), unix.SIGTERM); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(30 * time.Second); len(s.caught) == 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the signal is not caught")
		}
	}
	cmd, _ := startLeader(t, "cat")
	s.forwardTo(newTestGroup(t, cmd.Process.Pid, true))
	waitGone(t, cmd.Process.Pid)
	for status, want := range map[int]bool{143: true, 129: false, 128: false, 0: false, 15: false, 255: false} {
		if got := s.ended(status); got != want {
			t.Errorf("ended(%d) is %t", status, got)
		}
	}
}

// The pid of a command that has ended may be reused: once a signal of the client's that came at that
// moment was sent to the new process.
func TestNoSignalIsForwardedAfterTheEnd(t *testing.T) {
	cmd, _ := startLeader(t, "cat")
	s := catch()
	s.forwardTo(newTestGroup(t, cmd.Process.Pid, true))
	s.stop()
	s.forward(unix.SIGTERM)
	s.forward(unix.SIGINT)
	if s.forwarded.Load() != 0 || !isAlive(cmd.Process.Pid) {
		t.Error("a signal is forwarded")
	}
}

// After a terminating signal the reader of the output is waited for only for a time.
func TestOutputTimeoutAfterTerminatingSignal(t *testing.T) {
	cmd, _ := startLeader(t, "cat")
	s := catch()
	s.forwardTo(newTestGroup(t, cmd.Process.Pid, true))
	defer s.stop()
	if s.forward(unix.SIGWINCH); s.outputTimeout() != 0 {
		t.Error("SIGWINCH sets a timeout")
	}
	if s.forward(unix.SIGTERM); s.outputTimeout() != grace {
		t.Errorf("the timeout is %s, want %s", s.outputTimeout(), grace)
	}
	if s.nextFatal(); len(s.fatal) > 0 {
		t.Error("nextFatal keeps the signal that was already forwarded")
	}
	if s.forward(unix.SIGTERM); len(s.fatal) != 1 {
		t.Error("a second signal is not reported")
	}
}
