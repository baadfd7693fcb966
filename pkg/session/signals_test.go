//go:build linux

package session

import (
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/procfs"
)

// inState waits until a process is in a state of proc_pid_stat(5).
func inState(t *testing.T, pid int, state byte) {
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

// What ctrl-z does at a terminal, and fg.
func TestCommandIsStoppedWithItsGroup(t *testing.T) {
	cmd, children := lead(t, "sh", "-c", `
		sleep 600 >/dev/null & a=$!
		setsid sleep 600 >/dev/null & b=$!
		until [ "$(cut -d' ' -f6 /proc/$b/stat)" = $b ]; do :; done
		echo $a $b; read ready; read end`)
	g := grouped(t, cmd.Process.Pid, true)
	g.pass(unix.SIGTSTP)
	inState(t, g.pid, 'T')
	inState(t, children[0], 'T')
	inState(t, children[1], 'S') // which left the group
	g.pass(unix.SIGCONT)
	inState(t, g.pid, 'S')
	inState(t, children[0], 'S')
}

// Who has a handler for it isn't stopped by us, but by that.
func TestCommandThatHandlesCtrlZIsNotStopped(t *testing.T) {
	cmd, _ := lead(t, "sh", "-c", `trap "exit 42" TSTP; echo; while :; do read end || sleep 0.1; done`)
	grouped(t, cmd.Process.Pid, true).pass(unix.SIGTSTP)
	if err := cmd.Wait(); cmd.ProcessState.ExitCode() != 42 {
		t.Errorf("it ends with %v", err)
	}
}

// What a key sends is for the whole group, what kill(1) sends for the command.
func TestSignalsOfKeysReachTheGroup(t *testing.T) {
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
		// A shell's children in the background would ignore ctrl-c.
		cmd, children := lead(t, "bash", "-c", `(echo $BASHPID; exec sleep 600 >/dev/null); exec sleep 600`)
		g := grouped(t, cmd.Process.Pid, true)
		inState(t, g.pid, 'S')
		g.pass(row.sig)
		if row.group {
			gone(t, children[0])
		} else if gone(t, g.pid); !alive(children[0]) {
			t.Errorf("%v: the child has ended", row.sig)
		}
	}
}

func alive(pid int) bool {
	st, err := procfs.ReadStat(pid)
	return err == nil && !st.Dead()
}

// A signal that comes before the command runs is not lost, nor are we.
func TestSignalBeforeTheCommandRunsIsPassedOn(t *testing.T) {
	s := catch()
	defer s.stop()
	if err := unix.Kill(os.Getpid(), unix.SIGTERM); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(30 * time.Second); len(s.caught) == 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it is not caught")
		}
	}
	cmd, _ := lead(t, "cat")
	s.pass(grouped(t, cmd.Process.Pid, true))
	gone(t, cmd.Process.Pid)
	for status, want := range map[int]bool{143: true, 129: false, 128: false, 0: false, 15: false, 255: false} {
		if got := s.ended(status); got != want {
			t.Errorf("it ended by a signal of ours with status %d: %t", status, got)
		}
	}
}

// The number of a command that has ended may be another process's: a signal of the client's that
// came in that moment was sent to it.
func TestNoSignalIsPassedOnAfterTheEnd(t *testing.T) {
	cmd, _ := lead(t, "cat")
	s := catch()
	s.pass(grouped(t, cmd.Process.Pid, true))
	s.stop()
	s.give(unix.SIGTERM)
	s.give(unix.SIGINT)
	if s.passed.Load() != 0 || !alive(cmd.Process.Pid) {
		t.Error("it gets a signal")
	}
}

// After a signal to end what reads the output is not waited for without limit.
func TestPatienceAfterASignalToEnd(t *testing.T) {
	cmd, _ := lead(t, "cat")
	s := catch()
	s.pass(grouped(t, cmd.Process.Pid, true))
	defer s.stop()
	if s.give(unix.SIGWINCH); s.patience() != 0 {
		t.Error("a change of the size limits it")
	}
	if s.give(unix.SIGTERM); s.patience() != grace {
		t.Errorf("it is %s", s.patience())
	}
	if s.again(); len(s.fatal) > 0 {
		t.Error("the signal that the command got is taken for another one")
	}
	if s.give(unix.SIGTERM); len(s.fatal) != 1 {
		t.Error("a second one is not heard of")
	}
}
