//go:build linux

package main

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"
)

// After the detach keys, the command goes on, and the watchdog reads from its terminal.
func TestTerminalLeft(t *testing.T) {
	t.Parallel()
	c := newCaller(t)
	web := c.container(t)
	s := beginAt(t, c, newTTY(t), web, "sh", "-c",
		`echo ready; until test -e /tmp/go; do sleep 0.05; done; seq 100000; echo $? >/tmp/wrote; tty >/tmp/tty; read line; echo "<$line>"`)
	watchdog := watchdogOf(t, s.helper.pid)
	caller := s.tty.theirs.Name()
	s.tty.types("\x10\x11")
	s.tty.shows("\r\nleft process " + strconv.Itoa(s.command.pid) + " running: docker top " + web + " shows it\r\n")
	if status := s.ends(); status != 0 {
		t.Errorf("exit status %d", status)
	}
	eventually(t, "the watchdog has closed the caller's terminal", func() bool {
		return !s.helper.runs() && watchdog.runs() && !slices.Contains(openFiles(watchdog), caller)
	})
	if dir, err := os.Readlink(filepath.Join("/proc", strconv.Itoa(watchdog.pid), "cwd")); err != nil || dir != "/" {
		t.Errorf("the watchdog's working directory is %s, %v", dir, err)
	}
	// The command writes much more than a terminal buffers.
	inside(t, web, "touch", "/tmp/go")
	eventually(t, "the command has written everything", func() bool {
		return inside(t, web, "sh", "-c", "cat /tmp/wrote /tmp/tty 2>/dev/null || true") == "0\n/dev/pts/0"
	})
	if !s.command.runs() {
		t.Error("the command has ended")
	}
	s.kill(s.command.pid, unix.SIGKILL)
	nothingIsLeft(t, web)
	eventually(t, "the watchdog has ended", func() bool { return !watchdog.runs() })
}

// The detach keys come from the option, the configuration file, or are ctrl-p ctrl-q. Other
// input that begins with the same keys reaches the command.
func TestTerminalDetachKeys(t *testing.T) {
	t.Parallel()
	c := newCaller(t)
	web := c.container(t)
	const twoBytes = "stty raw -echo; echo ready; head -c 2 | od -An -tx1"
	const byByte = "stty raw -echo; echo ready; dd bs=1 count=1 2>/dev/null | od -An -tx1; dd bs=1 count=1 2>/dev/null | od -An -tx1"
	for _, row := range []struct {
		name, config string
		options      []string
		types        string
		shows        string
	}{
		{"ctrl-p ctrl-q", "", nil, "\x10\x11", "left process"},
		{"from the option", "", []string{"--detach-keys", "ctrl-x,x"}, "\x18x", "left process"},
		{"from the configuration", `{"detachKeys": "ctrl-a,d"}`, nil, "\x01d", "left process"},
		{"from both", `{"detachKeys": "ctrl-a,d"}`, []string{"--detach-keys", "q"}, "q", "left process"},
		{"none", "", []string{"--detach-keys", ""}, "\x10\x11", "10 11"},
		{"the first key and another", "", nil, "\x10a", "10 61"},
		{"the first key alone", "", nil, "\x10", ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			c := c
			if row.config != "" {
				c = newCaller(t)
				if err := os.WriteFile(filepath.Join(c.dir, ".docker", "config.json"), []byte(row.config), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			command := twoBytes
			if row.shows == "" {
				command = byByte
			}
			y := newTTY(t)
			y.start(c.docker(slices.Concat([]string{"nsjoin"}, row.options, []string{web, "sh", "-c", command})...))
			y.shows("ready")
			y.types(row.types)
			if row.shows == "" {
				y.shows("10") // it was held back for a while
				y.types("\x11")
				row.shows = "11"
			}
			y.shows(row.shows)
			if status := y.ends(); status != 0 {
				t.Errorf("exit status %d", status)
			}
			for _, p := range inPIDNamespaceOf(initOf(t, web))[1:] {
				_ = unix.Kill(p.pid, unix.SIGKILL)
			}
			nothingIsLeft(t, web)
		})
	}
}
