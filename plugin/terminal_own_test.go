//go:build linux

package main

import (
	"strings"
	"testing"
	"time"
)

// These tests show where docker nsjoin's terminal is better than docker exec's.

// The size is set before the command starts.
func TestTerminalHasItsSizeFromTheStart(t *testing.T) {
	t.Parallel()
	c := newCaller(t)
	web := c.container(t)
	for range 20 {
		y := at(t, c.docker("nsjoin", web, "stty", "size"))
		if status := y.ends(); status != 0 {
			t.Errorf("exit status %d", status)
		}
		y.shows("33 111\r\n")
		if text := y.screen.text(); text != "33 111\r\n" {
			t.Errorf("the terminal shows %q", text)
		}
	}
}

// A change of the size while the session starts is not lost. The test changes it ever closer to
// the moment at which the command starts.
func TestTerminalResizedWhileItStarts(t *testing.T) {
	t.Parallel()
	c := newCaller(t)
	web := c.container(t)
	times := make(map[bool]int)
	delay, change, was := time.Duration(0), 64*time.Millisecond, true
	for n := 0; n < 20 || (times[true] == 0 || times[false] == 0) && n < 200; n++ { // the machine may be slow
		y := at(t, c.docker("nsjoin", web, "sh", "-c",
			`echo begins $(stty size); until [ "$(stty size)" = "44 99" ]; do sleep 0.02; done; echo follows`))
		time.Sleep(delay)
		y.resize(44, 99)
		y.shows("follows")
		y.ends()
		before := strings.Contains(y.screen.text(), "begins 44 99")
		times[before]++
		if before != was {
			change, was = max(change/2, time.Millisecond), before
		}
		if delay -= change; before {
			delay += 2 * change
		}
	}
	if times[true] == 0 || times[false] == 0 {
		t.Errorf("the size changed before the command started %d times, and later %d times", times[true], times[false])
	}
}

// TERM and COLORTERM are the caller's, unless the container or -e sets them.
func TestTerminalIsNamedAsTheCallers(t *testing.T) {
	t.Parallel()
	c := newCaller(t)
	c.env = append(c.env, "TERM=vt220", "COLORTERM=truecolor")
	plain, own := c.container(t), c.container(t, "-e", "TERM=linux", "-e", "COLORTERM=no")
	for _, row := range []struct {
		args []string
		want string
	}{
		{[]string{plain}, "<xterm truecolor>"}, // its terminfo has neither vt220 nor xterm-256color: script/term.txt
		{[]string{own}, "<linux no>"},
		{[]string{"-e", "TERM=dumb", "-e", "COLORTERM=8", plain}, "<dumb 8>"},
		{[]string{"-T", plain}, "< >"},
	} {
		y := at(t, c.docker(append(append([]string{"nsjoin"}, row.args...), "sh", "-c", `echo "<$TERM $COLORTERM>"`)...))
		y.shows(row.want)
		y.ends()
	}
}

func TestTerminalStopsAndGoesOnByFlowControl(t *testing.T) {
	t.Parallel()
	c := newCaller(t)
	y := at(t, c.docker("nsjoin", c.container(t), "sh", "-c", "while :; do echo tick; sleep 0.01; done"))
	y.shows("tick", "tick")
	y.types("\x13")
	y.quiet(time.Second)
	before := strings.Count(y.screen.text(), "tick")
	y.types("\x11")
	eventually(t, "the output goes on", func() bool { return strings.Count(y.screen.text(), "tick") > before+5 })
	y.types("\x03")
	if status := y.ends(); status != 130 {
		t.Errorf("exit status %d, not 130", status)
	}
}

// Input that is typed before the command starts reaches it.
func TestTerminalTypedAhead(t *testing.T) {
	t.Parallel()
	c := newCaller(t)
	web := c.container(t)
	init := initOf(t, web)
	for range 20 {
		y := at(t, c.docker("nsjoin", web, "sh", "-c", "read -r a; read -r b; echo \"<$a $b>\""))
		y.types("one\rtwo\r")
		ahead := len(inPIDNamespaceOf(init)) == 1
		y.shows("<one two>")
		y.ends()
		if ahead {
			return
		}
	}
	t.Error("the command had always started before the input was typed")
}

// Output that the command writes just before it ends is shown.
func TestTerminalLosesNothingAtTheEnd(t *testing.T) {
	t.Parallel()
	c := newCaller(t)
	y := at(t, c.docker("nsjoin", c.container(t), "sh", "-c", "seq 20000; echo the last line"))
	y.shows("the last line\r\n")
	y.ends()
	if got := strings.Count(y.screen.text(), "\n"); got != 20001 {
		t.Errorf("%d lines are shown, want 20001", got)
	}
}

// If the container has no devpts, the message says so, with a hint.
func TestTerminalWithoutADevpts(t *testing.T) {
	t.Parallel()
	c := newCaller(t)
	web := c.container(t, "--cap-add", "SYS_ADMIN", "--security-opt", "apparmor=unconfined")
	inside(t, web, "umount", "/dev/pts")
	y := at(t, c.docker("nsjoin", web, "true"))
	y.shows("docker nsjoin: make a terminal: /dev/pts/ptmx in the container: no such file or directory\r\n",
		"hint: use -T to run the command without a terminal\r\n")
	if status := y.ends(); status != 125 {
		t.Errorf("exit status %d, not 125", status)
	}
	if status := at(t, c.docker("nsjoin", "-T", web, "true")).ends(); status != 0 {
		t.Errorf("exit status %d with -T", status)
	}
}
