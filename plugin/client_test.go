//go:build linux

package main

import (
	"fmt"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// When the client ends, the command ends: every process of its session receives SIGHUP,
// and SIGKILL after a grace period.

// clientEnds are the ways in which a client can end.
var clientEnds = []struct {
	name     string
	terminal bool
	end      func(s *running)
}{
	{"kill -9 of the CLI", false, func(s *running) { s.kill(s.cli, unix.SIGKILL) }},
	{"kill -9 of the CLI at a terminal", true, func(s *running) { s.kill(s.cli, unix.SIGKILL) }},
	{"kill -9 of the helper", false, func(s *running) { s.kill(s.helper.pid, unix.SIGKILL) }},
	{"kill -9 of the helper at a terminal", true, func(s *running) { s.kill(s.helper.pid, unix.SIGKILL) }},
	{"kill -9 of both", false, func(s *running) {
		s.kill(s.cli, unix.SIGSTOP) // otherwise it would end with the helper
		s.kill(s.helper.pid, unix.SIGKILL)
		s.kill(s.cli, unix.SIGKILL)
	}},
	{"the terminal is closed", true, func(s *running) { s.tty.hangUp() }},
}

// clientCommands are commands with what they write to a file on SIGHUP, if anything, and
// the least number of processes that they consist of when they are ready.
var clientCommands = []struct {
	name, command, leaves string
	members               int
}{
	{"ends at once", "echo ready; exec sleep 600", "", 1},
	// Once the helper is killed, bash's message about its child would end it by SIGPIPE.
	{"cleans up", "trap 'echo tidied >/tmp/left; exit' HUP; exec 2>/dev/null; echo ready; while :; do sleep 0.1; done", "tidied", 1},
	{"with children in the background", "sleep 600 & sleep 600 & (sleep 600; true) & echo ready; wait", "", 5},
	{"with children in groups of their own", "set -m; sleep 600 & sleep 600 & echo ready; wait", "", 3},
	{"with a stopped child", "set -m; (kill -STOP $BASHPID; sleep 600) & until jobs | grep -q Stopped; do sleep 0.1; done; echo ready; sleep 600", "", 2},
	{"ignores SIGHUP", "trap '' HUP; echo ready; sleep 600; sleep 600", "", 2},
	{"with a child that ignores SIGHUP", "(trap '' HUP; sleep 600; sleep 600) & echo ready; wait", "", 3},
}

func TestClientEnds(t *testing.T) {
	t.Parallel()
	c := newCaller(t)
	web := c.container(t)
	// All sessions are ended before the first is checked, so that their grace periods overlap.
	type ending struct {
		name    string
		members []process
		session int
	}
	var endings []ending
	for i, way := range clientEnds {
		for j, row := range clientCommands {
			command := strings.ReplaceAll(row.command, "/tmp/left", fmt.Sprintf("/tmp/left-%d-%d", i, j))
			s := begin(t, c, web, way.terminal, "bash", "-c", command)
			var members []process
			eventually(t, row.name+": all its processes run", func() bool {
				members = inSession(s.command.session)
				return len(members) >= row.members
			})
			way.end(s)
			endings = append(endings, ending{way.name + ", " + row.name, members, s.command.session})
		}
	}
	for _, e := range endings {
		t.Run(e.name, func(t *testing.T) {
			for _, p := range e.members {
				eventually(t, p.String()+" has ended", func() bool { return !p.runs() })
			}
			// A child of one of them may have been about to end by itself.
			eventually(t, "its session is empty", func() bool { return len(inSession(e.session)) == 0 })
		})
	}
	for i, way := range clientEnds {
		for j, row := range clientCommands {
			if row.leaves == "" {
				continue
			}
			file := fmt.Sprintf("/tmp/left-%d-%d", i, j)
			if got := inside(t, web, "sh", "-c", "cat "+file+" 2>&1 || true"); got != row.leaves {
				t.Errorf("%s: the command received no SIGHUP: %s", way.name, got)
			}
		}
	}
	nothingIsLeft(t, web)
}
