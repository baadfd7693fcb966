package main

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"
)

// A command that is left by the detach keys goes on, with a terminal whose other
// end somebody reads.
func TestTerminalLeft(t *testing.T) {
	t.Parallel()
	c := newCaller(t)
	web := c.container(t)
	s := beginAt(t, c, newTTY(t), web, "sh", "-c",
		`echo ready; until test -e /tmp/go; do sleep 0.05; done; seq 100000; echo $? >/tmp/wrote; tty >/tmp/tty; read line; echo "<$line>"`)
	watcher := watcherOf(t, s.helper.pid)
	caller := s.tty.theirs.Name()
	s.tty.types("\x10\x11")
	s.tty.shows("\r\nleft process " + strconv.Itoa(s.command.pid) + " running: docker top " + web + "\r\n")
	if status := s.ends(); status != 0 {
		t.Errorf("exit status %d", status)
	}
	eventually(t, "the watcher has let the caller's terminal go", func() bool {
		return !s.helper.runs() && watcher.runs() && !slices.Contains(openFiles(watcher), caller)
	})
	if dir, err := os.Readlink(filepath.Join("/proc", strconv.Itoa(watcher.pid), "cwd")); err != nil || dir != "/" {
		t.Errorf("it keeps %s busy, %v", dir, err)
	}
	// Much more than a terminal holds.
	inside(t, web, "touch", "/tmp/go")
	eventually(t, "it writes all", func() bool {
		return inside(t, web, "sh", "-c", "cat /tmp/wrote /tmp/tty 2>/dev/null || true") == "0\n/dev/pts/0"
	})
	if !s.command.runs() {
		t.Error("the command has ended")
	}
	s.kill(s.command.pid, unix.SIGKILL)
	nothingIsLeft(t, web)
	eventually(t, "the watcher has ended", func() bool { return !watcher.runs() })
}

// watcherOf is the process that stays beside a helper.
func watcherOf(t *testing.T, helper int) process {
	t.Helper()
	list := slices.DeleteFunc(childrenOf(helper), func(p process) bool {
		return len(p.args) == 0 || p.args[0] != "docker-nsjoin"
	})
	if len(list) != 1 {
		t.Fatalf("its watchers are %v", list)
	}
	return list[0]
}

// openFiles are the names of the files that a process has open.
func openFiles(p process) []string {
	var names []string
	links, _ := filepath.Glob(filepath.Join("/proc", strconv.Itoa(p.pid), "fd", "*"))
	for _, link := range links {
		if name, err := os.Readlink(link); err == nil {
			names = append(names, name)
		}
	}
	return names
}
