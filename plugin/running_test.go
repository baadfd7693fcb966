//go:build linux

package main

import (
	"io"
	"os/exec"
	"testing"

	"golang.org/x/sys/unix"
)

// running is a session whose command has started.
type running struct {
	t         *testing.T
	container string
	cmd       *exec.Cmd
	cli       int
	helper    process
	command   process
	tty       *tty       // nil if it has no terminal
	output    *safeBytes // nil if it has a terminal
}

// begin starts docker nsjoin CONTAINER COMMAND, and waits until the command prints "ready".
func begin(t *testing.T, c caller, container string, terminal bool, command ...string) *running {
	t.Helper()
	if terminal {
		return beginAt(t, c, newTTY(t), container, command...)
	}
	s := &running{t: t, container: container}
	s.cmd = c.docker(append([]string{"nsjoin", "-i", container}, command...)...)
	s.output = startReady(t, s.cmd)
	s.find()
	return s
}

// beginAt is begin at a terminal.
func beginAt(t *testing.T, c caller, y *tty, container string, command ...string) *running {
	t.Helper()
	s := &running{t: t, container: container, tty: y}
	s.cmd = c.docker(append([]string{"nsjoin", container}, command...)...)
	y.start(s.cmd)
	y.shows("ready")
	s.find()
	return s
}

// find finds the session's processes.
func (s *running) find() {
	s.t.Helper()
	s.cli = s.cmd.Process.Pid
	eventually(s.t, "the helper and its command run", func() bool {
		var found, runs bool
		s.helper, found = helperOf(s.cli)
		s.command, runs = commandOf(s.helper.pid)
		return found && runs
	})
}

// becomes waits until the command has executed this program.
func (s *running) becomes(program string) {
	s.t.Helper()
	eventually(s.t, "the command is "+program, func() bool {
		p, ok := readProcess(s.command.pid)
		return ok && len(p.args) > 0 && p.args[0] == program
	})
}

func (s *running) kill(pid int, sig unix.Signal) {
	s.t.Helper()
	if err := unix.Kill(pid, sig); err != nil {
		s.t.Fatalf("kill %d: %v", pid, err)
	}
}

// ends waits for the end of the Docker CLI and returns its exit status.
func (s *running) ends() int {
	s.t.Helper()
	if s.tty != nil {
		return s.tty.ends()
	}
	return ended(s.t, s.cmd)
}

// says returns the session's output.
func (s *running) says() string {
	if s.tty != nil {
		return s.tty.screen.text()
	}
	return string(s.output.bytes())
}

// nothingIsLeft waits until the container has only its first process, and no terminal.
func nothingIsLeft(t *testing.T, container string) {
	t.Helper()
	pid := initOf(t, container)
	var left []process
	defer func() {
		if t.Failed() {
			t.Logf("processes in the container: %v", left)
		}
	}()
	eventually(t, "the container has its first process only", func() bool {
		left = inPIDNamespaceOf(pid)
		return len(left) == 1
	})
	eventually(t, "the container has no terminal", func() bool { return len(terminalsOf(t, pid)) == 0 })
}

var _ io.Writer = (*safeBytes)(nil)
