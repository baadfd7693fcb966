//go:build linux

package main

import (
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/frame"
)

// TestLinkClientEnds kills clients of commands with --via engine, or suspends them, which looks
// like a lost network to the helper. The command and the helper container end.
func TestLinkClientEnds(t *testing.T) {
	for _, row := range []struct {
		name string
		sig  unix.Signal
		cli  bool // the signal is for the Docker CLI, not its plugin
	}{
		{"kill -9 of the plugin", unix.SIGKILL, false},
		{"kill -9 of the CLI", unix.SIGKILL, true},
		{"the plugin is suspended", unix.SIGSTOP, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			c := newCaller(t)
			t.Parallel()
			web := c.container(t)
			cli, plugin := beginByEngine(t, c, web)
			target := plugin
			if row.cli {
				target = cli
			}
			if err := unix.Kill(target, row.sig); err != nil {
				t.Fatal(err)
			}
			noHelperIsLeft(t, c, web)
		})
	}
}

// TestLinkTerminalRestored checks that the caller's terminal is restored whatever process is killed.
func TestLinkTerminalRestored(t *testing.T) {
	for _, row := range []struct {
		name string
		end  func(s *running, plugin int)
	}{
		{"an exit", func(s *running, _ int) { s.tty.types("exit 3\r") }},
		{"kill -9 of the plugin", func(s *running, plugin int) { s.kill(plugin, unix.SIGKILL) }},
		{"kill -9 of the CLI", func(s *running, _ int) { s.kill(s.cli, unix.SIGKILL) }},
		{"kill -9 of both", func(s *running, plugin int) {
			s.kill(s.cli, unix.SIGSTOP) // otherwise it would end with its plugin
			s.kill(plugin, unix.SIGKILL)
			s.kill(s.cli, unix.SIGKILL)
		}},
		{"kill -9 of their group", func(s *running, _ int) { s.kill(-s.cli, unix.SIGKILL) }},
	} {
		t.Run(row.name, func(t *testing.T) {
			c := newCaller(t)
			t.Parallel()
			y := newTTY(t)
			before := y.unusual()
			s := &running{t: t, tty: y, container: c.container(t)}
			s.cmd = c.docker("nsjoin", "--via", "engine", s.container, "sh", "-c", "echo ready; exec sh")
			y.start(s.cmd)
			y.shows("ready")
			s.cli = s.cmd.Process.Pid
			plugin := offspring(s.cli, "docker-nsjoin")
			if plugin == 0 || y.settings() == before {
				t.Fatalf("plugin %d; the terminal is not raw while the command runs", plugin)
			}
			keeper := offspring(plugin, "docker-nsjoin")
			if keeper == 0 {
				t.Error("the plugin has no keeper")
			}
			row.end(s, plugin)
			s.ends()
			eventually(t, "the terminal is as before", func() bool { return y.settings() == before })
			eventually(t, "the keeper has ended", func() bool { return unix.Kill(keeper, 0) != nil })
			noHelperIsLeft(t, c, s.container)
		})
	}
}

// beginByEngine starts a command that ignores SIGHUP with --via engine, and returns the PIDs of
// the Docker CLI and its plugin.
func beginByEngine(t *testing.T, c caller, web string) (cli, plugin int) {
	t.Helper()
	cmd := c.docker("nsjoin", "-i", "--via", "engine", web, "sh", "-c", "trap '' HUP; echo ready; sleep 600; sleep 600")
	startWaiting(t, cmd, "ready")
	t.Cleanup(func() {
		if plugin > 0 {
			_ = unix.Kill(plugin, unix.SIGKILL)
		}
	})
	if plugin = offspring(cmd.Process.Pid, "docker-nsjoin"); plugin == 0 {
		t.Fatal("the CLI has no plugin")
	}
	if len(c.helpers(t)) == 0 {
		t.Fatal("no helper container is on record")
	}
	return cmd.Process.Pid, plugin
}

// noHelperIsLeft waits until nothing is left of a command with --via engine.
func noHelperIsLeft(t *testing.T, c caller, web string) {
	t.Helper()
	pid := initOf(t, web)
	deadline := time.Now().Add(frame.Timeout + endsWithin)
	for ; ; time.Sleep(time.Second) {
		left := inPIDNamespaceOf(pid)
		helpers := c.helpers(t)
		if len(left) == 1 && len(helpers) == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("left in the container: %v; helpers: %s", left, helpers)
		}
	}
}
