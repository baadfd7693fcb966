//go:build linux

package main

import (
	"testing"

	"golang.org/x/sys/unix"
)

// restoredAfter are the ways in which a session can end. The caller's terminal is restored after each.
var restoredAfter = []struct {
	name   string
	end    func(s *running)
	status int // the Docker CLI's
}{
	{"an exit", func(s *running) { s.tty.types("exit 3\r") }, 3},
	{"a signal to the command", func(s *running) { s.kill(s.command.pid, unix.SIGKILL) }, 137},
	{"SIGTERM to the command", func(s *running) {
		s.tty.types("exec sleep 600\r") // an interactive shell ignores SIGTERM
		s.becomes("sleep")
		s.kill(s.command.pid, unix.SIGTERM)
	}, 143},
	{"kill -TERM of the helper", func(s *running) {
		s.tty.types("exec sleep 600\r")
		s.becomes("sleep")
		s.kill(s.helper.pid, unix.SIGTERM)
	}, 143},
	{"kill -9 of the helper", func(s *running) { s.kill(s.helper.pid, unix.SIGKILL) }, -1},
	{"kill -9 of the CLI", func(s *running) { s.kill(s.cli, unix.SIGKILL) }, 137},
	{"kill -9 of both", func(s *running) {
		s.kill(s.cli, unix.SIGSTOP) // otherwise it would end with the helper
		s.kill(s.helper.pid, unix.SIGKILL)
		s.kill(s.cli, unix.SIGKILL)
	}, -1},
	{"kill -TERM of the CLI", func(s *running) {
		s.kill(s.cli, unix.SIGTERM) // at a terminal the CLI leaves it to its plugin
		s.tty.types("exit 3\r")
	}, -1},
	{"the detach keys", func(s *running) { s.tty.types("\x10\x11") }, 0},
	{"the container's end", func(s *running) { docker(s.t, "kill", s.container) }, 137},
	{"the container's removal", func(s *running) { docker(s.t, "rm", "-f", s.container) }, 137},
}

func TestTerminalRestored(t *testing.T) {
	t.Parallel()
	c := newCaller(t)
	for _, row := range restoredAfter {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			web := c.container(t)
			y := newTTY(t)
			before := y.unusual()
			s := beginAt(t, c, y, web, "sh", "-c", "echo ready; exec sh")
			if y.settings() == before {
				t.Error("the terminal is not raw while the command runs")
			}
			row.end(s)
			if status := s.ends(); row.status >= 0 && status != row.status {
				t.Errorf("exit status %d, not %d:\n%s", status, row.status, s.says())
			}
			eventually(t, "the terminal is as before", func() bool { return y.settings() == before })
		})
	}
}

// The terminal is also restored if the command cannot be started.
func TestTerminalRestoredAfterAFailure(t *testing.T) {
	t.Parallel()
	c := newCaller(t)
	web := c.container(t)
	for _, row := range []struct {
		args   []string
		status int
	}{
		{[]string{web, "nosuch"}, 127},
		{[]string{web, "/etc"}, 126},
		{[]string{"-w", "/etc/passwd", web, "true"}, 127},
		{[]string{"-u", "nosuch", web, "true"}, 125},
	} {
		y := newTTY(t)
		before := y.unusual()
		y.start(c.docker(append([]string{"nsjoin"}, row.args...)...))
		if status := y.ends(); status != row.status {
			t.Errorf("%q: exit status %d, not %d", row.args, status, row.status)
		}
		if y.settings() != before {
			t.Errorf("%q: the terminal is not restored", row.args)
		}
	}
}

// unusual changes the settings to ones that differ from every default, and returns them.
func (y *tty) unusual() unix.Termios {
	y.t.Helper()
	settings := y.settings()
	settings.Cc[unix.VERASE], settings.Cc[unix.VINTR] = 'E', 'I'
	settings.Iflag ^= unix.IXANY
	settings.Lflag ^= unix.ECHOCTL
	if err := unix.IoctlSetTermios(int(y.theirs.Fd()), unix.TCSETS, &settings); err != nil {
		y.t.Fatal(err)
	}
	return y.settings()
}
