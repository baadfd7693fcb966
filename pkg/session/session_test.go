//go:build linux

package session

import (
	"bufio"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/exit"
	"github.com/nsjoin/docker-nsjoin/pkg/plan"
	"github.com/nsjoin/docker-nsjoin/pkg/procfs"
	"github.com/nsjoin/docker-nsjoin/pkg/stdio"
)

// child is a command of a test.
type child struct{ *exec.Cmd }

func (c child) Wait() (int, error) {
	_ = c.Cmd.Wait()
	ws := c.ProcessState.Sys().(syscall.WaitStatus)
	if ws.Signaled() {
		return exit.Signalled(int(ws.Signal())), nil
	}
	return ws.ExitStatus(), nil
}

func (c child) Reap() {} // exec.Cmd.Wait did

func startShell(t *testing.T, script string) child {
	t.Helper()
	c := child{exec.Command("sh", "-c", script)}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Process.Kill() })
	return c
}

type outcome struct {
	status int
	err    error
}

func waitOutcome(t *testing.T, result <-chan outcome) outcome {
	t.Helper()
	select {
	case o := <-result:
		return o
	case <-time.After(30 * time.Second):
		t.Fatal("the session does not end")
		return outcome{}
	}
}

func runSession(t *testing.T, s *Session, c child) <-chan outcome {
	t.Helper()
	if s.command == nil { // Begin was not called
		s.command, s.signals = newTestGroup(t, c.Process.Pid, s.leads), catch()
		s.signals.forwardTo(s.command)
	}
	result := make(chan outcome, 1)
	go func() {
		status, err := s.Run(c)
		result <- outcome{status, err}
	}()
	return result
}

func TestCallersIdentityInheritsStreams(t *testing.T) {
	fork, orders := fakeFork(t)
	s, err := Prepare(&plan.Plan{}, nil, fork, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer s.End()
	if want := [3]*os.File{os.Stdin, os.Stdout, os.Stderr}; s.Stdio() != want {
		t.Errorf("the command gets %v, not the caller's streams", s.Stdio())
	}
	c := startShell(t, "exit 3")
	if err := s.Begin(c.Process.Pid, pidfdOf(t, c.Process.Pid)); err != nil {
		t.Fatal(err)
	}
	var o order
	if err := orders().Decode(&o); err != nil || o != (order{PID: c.Process.Pid, Space: s.command.pidNS}) || o.Space.Ino == 0 {
		t.Errorf("the watchdog's order is %+v, %v", o, err)
	}
	if got := waitOutcome(t, runSession(t, s, c)); got != (outcome{3, nil}) {
		t.Errorf("Run returns %+v", got)
	}
	if _, err := os.Stdout.Stat(); err != nil {
		t.Errorf("this process's standard output is closed: %v", err)
	}
	pid := s.watchdog.PID
	s.End()
	s.End() // may be called again
	if err := unix.Kill(pid, 0); err == nil {
		t.Error("the watchdog still runs")
	}
}

// A detached command has no stream of the caller's.
func TestDetachedCommandHasNullDevice(t *testing.T) {
	root, err := os.Open("/")
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	for _, who := range []*plan.ContainerIdentity{nil, {HostUID: -1}} {
		s, err := Prepare(&plan.Plan{Detach: true, Identity: plan.Identity{Container: who}}, root, nil, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		for i, f := range s.Stdio() {
			if !stdio.IsNull(f) {
				t.Errorf("stream %d is %s", i, f.Name())
			}
		}
		if err := s.Begin(os.Getpid(), nil); err != nil || s.watchdog != nil {
			t.Errorf("a detached command has a watchdog: %+v, %v", s.watchdog, err)
		}
		s.End()
		s.Stdio()[0].Close()
	}
}

// newKeyboardSession returns the session of a command with a terminal, where a pipe stands for the
// caller's terminal.
func newKeyboardSession(t *testing.T, detachKeys string) (s *Session, keyboard *os.File) {
	t.Helper()
	from, keyboard := pipe(t)
	_, to := pipe(t)
	return &Session{
		streams:         &streams{terminal: true, input: newTestInput(from, to)},
		detachKeys:      []byte(detachKeys),
		target:          "web",
		restoreTerminal: func() {},
	}, keyboard
}

func TestCommandEndsWhenTerminalHangsUp(t *testing.T) {
	s, keyboard := newKeyboardSession(t, "")
	result := runSession(t, s, startShell(t, "exec sleep 600"))
	keyboard.Close()
	if got := waitOutcome(t, result); got != (outcome{exit.Signalled(int(unix.SIGHUP)), nil}) {
		t.Errorf("Run returns %+v", got)
	}
}

func TestDetachKeysReleaseTheCommand(t *testing.T) {
	s, keyboard := newKeyboardSession(t, "\x10\x11")
	restored := 0
	s.restoreTerminal = func() { restored++ }
	fork, orders := fakeFork(t)
	var err error
	if s.watchdog, err = startWatchdog(fork, false, nil); err != nil {
		t.Fatal(err)
	}
	w := s.watchdog
	defer w.Stop()
	output, stderr := pipe(t)
	s.stderr = stderr
	c := startShell(t, "exec sleep 600")
	result := runSession(t, s, c)
	if _, err := keyboard.WriteString("a\x10\x11"); err != nil {
		t.Fatal(err)
	}
	if got := waitOutcome(t, result); got != (outcome{0, nil}) {
		t.Errorf("Run returns %+v", got)
	}
	var o order
	if err := orders().Decode(&o); err != nil || o != (order{Drain: true}) {
		t.Errorf("the watchdog's order is %+v, %v", o, err)
	}
	s.End()
	if restored != 1 {
		t.Errorf("the terminal is restored %d times", restored)
	}
	for name, pid := range map[string]int{"watchdog": w.PID, "command": c.Process.Pid} {
		if st, err := procfs.ReadStat(pid); err != nil || st.Dead() {
			t.Errorf("the %s has ended: %+v, %v", name, st, err)
		}
	}
	stderr.Close()
	text, err := bufio.NewReader(output).ReadString(0)
	if !strings.Contains(text, "running: docker top web shows it\n") {
		t.Errorf("it prints %q, %v", text, err)
	}
}

// While the command runs the caller's terminal is raw, and the command's has its size.
func TestTerminalIsRawAndRestored(t *testing.T) {
	master, caller := openTestTerminal(t)
	pty, tty := openTestTerminal(t)
	old := os.Stdin
	os.Stdin = caller
	defer func() { os.Stdin = old }()
	setSize := func(rows, cols uint16) {
		t.Helper()
		size := &unix.Winsize{Row: rows, Col: cols}
		if err := unix.IoctlSetWinsize(int(master.Fd()), unix.TIOCSWINSZ, size); err != nil {
			t.Fatal(err)
		}
	}
	hasSize := func(rows, cols uint16) bool {
		size, err := unix.IoctlGetWinsize(int(tty.Fd()), unix.TIOCGWINSZ)
		return err == nil && size.Row == rows && size.Col == cols
	}
	fork, orders := fakeFork(t)
	s := &Session{pty: pty, raw: true, leads: true, forkWatchdog: fork, signals: catch(), restoreTerminal: func() {}}
	before, err := unix.IoctlGetTermios(int(caller.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	setSize(41, 99)
	command, _ := startLeader(t, "cat")
	if err := s.Begin(command.Process.Pid, pidfdOf(t, command.Process.Pid)); err != nil {
		t.Fatal(err)
	}
	defer s.signals.stop() // Run does that
	var o order
	if err := orders().Decode(&o); err != nil || o.PID != command.Process.Pid || !o.Leads || o.Terminal == nil || *o.Terminal != *before {
		t.Errorf("the watchdog's order is %+v, %v", o, err)
	}
	if now, err := unix.IoctlGetTermios(int(caller.Fd()), unix.TCGETS); err != nil || now.Lflag&(unix.ECHO|unix.ICANON) != 0 {
		t.Errorf("the caller's terminal is not raw: %+v, %v", now, err)
	}
	if !hasSize(41, 99) {
		t.Error("the command's terminal has another size")
	}
	setSize(50, 120)
	if err := unix.Kill(os.Getpid(), unix.SIGWINCH); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(30 * time.Second); !hasSize(50, 120); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the command's terminal doesn't follow the caller's size")
		}
	}
	s.End()
	if after, err := unix.IoctlGetTermios(int(caller.Fd()), unix.TCGETS); err != nil || *after != *before {
		t.Errorf("the caller's terminal is %+v, %v; was %+v", after, err, before)
	}
}
