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
)

// child is a command that was started.
type child struct{ *exec.Cmd }

func (c child) Wait() (int, error) {
	_ = c.Cmd.Wait()
	ws := c.ProcessState.Sys().(syscall.WaitStatus)
	if ws.Signaled() {
		return exit.Signalled(int(ws.Signal())), nil
	}
	return ws.ExitStatus(), nil
}

func (c child) Reap() {} // Wait did

func sh(t *testing.T, script string) child {
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

func ran(t *testing.T, result <-chan outcome) outcome {
	t.Helper()
	select {
	case o := <-result:
		return o
	case <-time.After(30 * time.Second):
		t.Fatal("it goes on")
		return outcome{}
	}
}

func run(t *testing.T, s *Session, c child) <-chan outcome {
	t.Helper()
	if s.command == nil { // it didn't begin
		s.command, s.signals = grouped(t, c.Process.Pid, s.leads), catch()
		s.signals.pass(s.command)
	}
	result := make(chan outcome, 1)
	go func() {
		status, err := s.Run(c)
		result <- outcome{status, err}
	}()
	return result
}

func TestCallersIdentityHasTheCallersStreams(t *testing.T) {
	standby, orders := fakeStandby(t)
	s, err := Prepare(&plan.Plan{}, nil, standby, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer s.End()
	if want := [3]*os.File{os.Stdin, os.Stdout, os.Stderr}; s.Stdio() != want {
		t.Errorf("the command gets %v, not ours", s.Stdio())
	}
	c := sh(t, "exit 3")
	if err := s.Begin(c.Process.Pid, pidfdOf(t, c.Process.Pid)); err != nil {
		t.Fatal(err)
	}
	var o order
	if err := orders().Decode(&o); err != nil || o != (order{PID: c.Process.Pid, Space: s.command.space}) || o.Space.Ino == 0 {
		t.Errorf("the watcher's order is %+v, %v", o, err)
	}
	if got := ran(t, run(t, s, c)); got != (outcome{3, nil}) {
		t.Errorf("it ends with %+v", got)
	}
	if _, err := os.Stdout.Stat(); err != nil {
		t.Errorf("our own stream is closed: %v", err)
	}
	pid := s.watcher.pid
	s.End()
	s.End() // any number of times
	if err := unix.Kill(pid, 0); err == nil {
		t.Error("the watcher is left")
	}
}

// Nobody attends it, so that nothing of the caller's stays open.
func TestDetachedCommandHasTheNullDevice(t *testing.T) {
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
			if !isNull(int(f.Fd())) {
				t.Errorf("stream %d is %s", i, f.Name())
			}
		}
		if err := s.Begin(os.Getpid(), nil); err != nil || s.watcher != nil {
			t.Errorf("it is watched: %+v, %v", s.watcher, err)
		}
		s.End()
		s.Stdio()[0].Close()
	}
}

// atKeyboard is the session of a command with a terminal that is a pipe here.
func atKeyboard(t *testing.T, detachKeys string) (s *Session, keyboard *os.File) {
	t.Helper()
	from, keyboard := pipe(t)
	_, to := pipe(t)
	return &Session{
		streams:    &streams{terminal: true, input: inputOf(from, to)},
		detachKeys: []byte(detachKeys),
		target:     "web",
		restore:    func() {},
	}, keyboard
}

func TestCommandEndsWithTheCallersTerminal(t *testing.T) {
	s, keyboard := atKeyboard(t, "")
	result := run(t, s, sh(t, "exec sleep 600"))
	keyboard.Close()
	if got := ran(t, result); got != (outcome{exit.Signalled(int(unix.SIGHUP)), nil}) {
		t.Errorf("it ends with %+v", got)
	}
}

func TestDetachKeysLeaveTheSession(t *testing.T) {
	s, keyboard := atKeyboard(t, "\x10\x11")
	restored := 0
	s.restore = func() { restored++ }
	standby, orders := fakeStandby(t)
	var err error
	if s.watcher, err = startWatcher(standby, false, nil); err != nil {
		t.Fatal(err)
	}
	w := s.watcher
	defer w.stop()
	said, stderr := pipe(t)
	s.errors = stderr
	c := sh(t, "exec sleep 600")
	result := run(t, s, c)
	if _, err := keyboard.WriteString("a\x10\x11"); err != nil {
		t.Fatal(err)
	}
	if got := ran(t, result); got != (outcome{0, nil}) {
		t.Errorf("it ends with %+v", got)
	}
	var o order
	if err := orders().Decode(&o); err != nil || o != (order{Drain: true}) {
		t.Errorf("the watcher's order is %+v, %v", o, err)
	}
	s.End()
	if restored != 1 {
		t.Errorf("the terminal is given back %d times", restored)
	}
	for name, pid := range map[string]int{"watcher": w.pid, "command": c.Process.Pid} {
		if st, err := procfs.ReadStat(pid); err != nil || st.Dead() {
			t.Errorf("the %s is not there any more: %+v, %v", name, st, err)
		}
	}
	stderr.Close()
	text, err := bufio.NewReader(said).ReadString(0)
	if !strings.Contains(text, "running: docker top web\n") {
		t.Errorf("it says %q, %v", text, err)
	}
}

// The caller's terminal is raw while the command has it, and of its size.
func TestTerminalIsTakenAndGivenBack(t *testing.T) {
	ours, caller := terminal(t)
	pty, theirs := terminal(t)
	old := os.Stdin
	os.Stdin = caller
	defer func() { os.Stdin = old }()
	resized := func(rows, cols uint16) {
		t.Helper()
		size := &unix.Winsize{Row: rows, Col: cols}
		if err := unix.IoctlSetWinsize(int(ours.Fd()), unix.TIOCSWINSZ, size); err != nil {
			t.Fatal(err)
		}
	}
	has := func(rows, cols uint16) bool {
		size, err := unix.IoctlGetWinsize(int(theirs.Fd()), unix.TIOCGWINSZ)
		return err == nil && size.Row == rows && size.Col == cols
	}
	standby, orders := fakeStandby(t)
	s := &Session{pty: pty, raw: true, leads: true, standby: standby, signals: catch(), restore: func() {}}
	before, err := unix.IoctlGetTermios(int(caller.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	resized(41, 99)
	command, _ := lead(t, "cat")
	if err := s.Begin(command.Process.Pid, pidfdOf(t, command.Process.Pid)); err != nil {
		t.Fatal(err)
	}
	defer s.signals.stop() // which Run does
	var o order
	if err := orders().Decode(&o); err != nil || o.PID != command.Process.Pid || !o.Leads || o.Terminal == nil || *o.Terminal != *before {
		t.Errorf("the watcher's order is %+v, %v", o, err)
	}
	if now, err := unix.IoctlGetTermios(int(caller.Fd()), unix.TCGETS); err != nil || now.Lflag&(unix.ECHO|unix.ICANON) != 0 {
		t.Errorf("it is not raw: %+v, %v", now, err)
	}
	if !has(41, 99) {
		t.Error("the command's is of another size")
	}
	resized(50, 120)
	if err := unix.Kill(os.Getpid(), unix.SIGWINCH); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(30 * time.Second); !has(50, 120); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the command's doesn't follow the caller's size")
		}
	}
	s.End()
	if after, err := unix.IoctlGetTermios(int(caller.Fd()), unix.TCGETS); err != nil || *after != *before {
		t.Errorf("it is %+v, %v; was %+v", after, err, before)
	}
}
