//go:build linux

package main

import (
	"os/exec"
	"strings"
	"testing"
)

// callersShell starts an interactive shell of the caller at a terminal.
func callersShell(t *testing.T, c caller, web string) *tty {
	t.Helper()
	cmd := exec.Command("bash", "--norc", "--noprofile", "-i")
	cmd.Env = append(c.env, "PS1=caller# ", "web="+web)
	cmd.Dir = c.dir
	y := at(t, cmd)
	y.shows("caller# ")
	return y
}

// states returns the states of the container's processes except the first.
func states(t *testing.T, web string) string {
	t.Helper()
	var list []string
	for _, p := range inPIDNamespaceOf(initOf(t, web))[1:] {
		list = append(list, p.state)
	}
	return strings.Join(list, "")
}

// awaitStates waits for these states.
func awaitStates(t *testing.T, web, want string) {
	t.Helper()
	var got string
	defer func() {
		if t.Failed() {
			t.Logf("states: %s", got)
		}
	}()
	eventually(t, "the process states are "+want, func() bool { got = states(t, web); return got == want })
}

// In a pipeline of the caller's shell the command has no terminal, but it still receives the
// signals of the keys.
func TestClientInterruptedInAPipeline(t *testing.T) {
	t.Parallel()
	c := newCaller(t)
	web := c.container(t)
	y := callersShell(t, c, web)
	y.types(`docker nsjoin $web sh -c 'echo rea""dy; sleep 600 | sleep 600 | sleep 600' | cat` + "\r")
	y.shows("ready")
	y.types("\x03")
	y.shows("^C", "caller# ")
	nothingIsLeft(t, web)
	y.types("echo status ${PIPESTATUS[0]}\r")
	y.shows("status 130\r\n", "caller# ")

	// A command that handles SIGINT receives it once, and no other signal.
	y.types(`docker nsjoin $web sh -c 'trap "echo INT >>/tmp/got" INT; trap "echo TERM >>/tmp/got" TERM; echo rea""dy
sleep 600 & until [ -s /tmp/got ]; do sleep 0.1; done; sleep 1; kill $!; exit 3' | cat` + "\r")
	y.shows("ready")
	y.types("\x03")
	y.shows("^C", "caller# ")
	nothingIsLeft(t, web)
	y.types("echo status ${PIPESTATUS[0]}\r")
	y.shows("status 3\r\n", "caller# ")
	if got := inside(t, web, "cat", "/tmp/got"); got != "INT" {
		t.Errorf("the command received %q", got)
	}
	y.types("exit\r")
	y.ends()
}

func TestClientStoppedInAPipeline(t *testing.T) {
	t.Parallel()
	c := newCaller(t)
	web := c.container(t)
	y := callersShell(t, c, web)
	y.types(`docker nsjoin $web sh -c 'echo rea""dy; sleep 600 | sleep 600' | cat` + "\r")
	y.shows("ready")
	awaitStates(t, web, "SSS")
	y.types("\x1a")
	y.shows("^Z", "Stopped", "caller# ")
	awaitStates(t, web, "TTT")
	y.types("fg\r")
	awaitStates(t, web, "SSS")
	y.types("\x1a")
	y.shows("^Z", "Stopped", "caller# ")
	y.types("bg\r")
	awaitStates(t, web, "SSS")
	for range 20 { // the shell reads what is typed
		y.types("echo mi''ne\r")
		y.shows("mine\r\n", "caller# ")
	}
	y.types("jobs\r")
	y.shows("Running", "caller# ")
	y.types("kill %1\r")
	nothingIsLeft(t, web)
	y.types("exit\r")
	y.ends()
}
