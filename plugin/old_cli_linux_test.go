package main

import (
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// A Docker CLI older than 24 gives its plugins no socket. The plugin notices its end nevertheless.

// oldCLIEnds are the ways in which the CLI can end.
var oldCLIEnds = []struct {
	name string
	// by is the command that runs the CLI, if any.
	by  []string
	end func(t *testing.T, started *exec.Cmd)
}{
	{"kill -9", nil, func(t *testing.T, started *exec.Cmd) { signalled(t, started, unix.SIGKILL) }},
	// SIGALRM makes timeout(1) kill the CLI, then its own process group.
	{"timeout -s KILL", []string{"timeout", "-s", "KILL", "600"}, func(t *testing.T, started *exec.Cmd) {
		signalled(t, started, unix.SIGALRM)
	}},
	{"timeout --foreground -s KILL", []string{"timeout", "--foreground", "-s", "KILL", "600"}, func(t *testing.T, started *exec.Cmd) {
		signalled(t, started, unix.SIGALRM)
	}},
	// The CLI ignores the first two, as it does with docker buildx.
	{"SIGTERM until it ends", nil, func(t *testing.T, started *exec.Cmd) {
		eventually(t, "the CLI has ended", func() bool {
			_ = started.Process.Signal(unix.SIGTERM)
			p, there := readProcess(started.Process.Pid)
			return !there || p.dead()
		})
	}},
	{"SIGHUP", nil, func(t *testing.T, started *exec.Cmd) { signalled(t, started, unix.SIGHUP) }},
}

func signalled(t *testing.T, started *exec.Cmd, sig unix.Signal) {
	t.Helper()
	if err := started.Process.Signal(sig); err != nil {
		t.Fatal(err)
	}
}

func TestOldCLIEnds(t *testing.T) {
	requireOldCLI(t, newCaller(t))
	for _, via := range []string{"local", "engine"} {
		for _, way := range oldCLIEnds {
			t.Run(via+", "+way.name, func(t *testing.T) {
				t.Parallel()
				c := newCaller(t)
				web := c.container(t)
				cmd, plugin, out := beginByOldCLI(t, c, append(slices.Clone(way.by), "docker", "nsjoin", "-i", "--via", via, web))
				way.end(t, cmd)
				nothingIsLeft(t, web)
				if got := inside(t, web, "cat", "/tmp/left"); got != "tidied" {
					t.Errorf("the command received no SIGHUP: %s", got)
				}
				eventually(t, "the plugin has ended", func() bool { return !plugin.runs() })
				eventually(t, "no helper container is left", func() bool { return len(c.helpers(t)) == 0 })
				if said := string(out.bytes()); strings.Contains(said, "docker nsjoin:") {
					t.Errorf("stderr %q", said)
				}
			})
		}
	}
}

// beginByOldCLI starts a command that cleans up on SIGHUP, with words before it, and waits until it is ready.
func beginByOldCLI(t *testing.T, c caller, words []string) (*exec.Cmd, process, *safeBytes) {
	t.Helper()
	const command = `trap 'echo tidied >/tmp/left; exit' HUP; sleep 600 & exec 2>/dev/null; echo ready; while :; do sleep 0.1; done`
	cmd := exec.Command(words[0], append(words[1:], "bash", "-c", command)...)
	cmd.Env, cmd.Dir, cmd.SysProcAttr = c.env, c.dir, &unix.SysProcAttr{Setpgid: true}
	out := startReady(t, cmd)
	plugin, there := readProcess(offspring(cmd.Process.Pid, "docker-nsjoin"))
	if !there {
		t.Fatal("the CLI has no plugin")
	}
	return cmd, plugin, out
}

// requireOldCLI fails if the Docker CLI gives its plugins a socket.
func requireOldCLI(t *testing.T, c caller) {
	t.Helper()
	out, err := c.docker("version", "--format", "{{.Client.Version}}").Output()
	if err != nil {
		t.Fatal(err)
	}
	const first = 24 // version with the socket
	major, err := strconv.Atoi(strings.Split(string(out), ".")[0])
	if err != nil || major >= first {
		t.Fatalf("this test needs a Docker CLI older than %d, not %s: scripts/engine run cli-20", first, out)
	}
}
