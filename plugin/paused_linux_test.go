package main

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// The client of a command in a paused container is killed. With cgroup v1 a frozen process does not
// even end by SIGKILL; the helper and the watchdog wait for it without using the processor. Before, they
// read all of /proc every 20 ms, a sixth of a processor, until the container was unpaused.
func TestClientEndsForAPausedContainer(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(s *running){
		"kill -9 of the CLI":    func(s *running) { s.kill(s.cli, unix.SIGKILL) },
		"kill -9 of the helper": func(s *running) { s.kill(s.helper.pid, unix.SIGKILL) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCaller(t)
			web := c.container(t)
			s := begin(t, c, web, false, "sh", "-c", "sleep 600 & echo ready; wait")
			docker(t, "pause", web)
			ours := append(slices.DeleteFunc(childrenOf(s.helper.pid), func(p process) bool { return p.pid == s.command.pid }), s.helper)
			end(s)
			eventually(t, "the command is killed", func() bool { return pending(s.command.pid, unix.SIGKILL) || !s.command.runs() })
			for _, p := range ours {
				eventually(t, fmt.Sprintf("%s is idle", p), func() bool {
					before := reads(p.pid)
					time.Sleep(time.Second) // reading /proc every 20 ms would be thousands of reads
					return reads(p.pid) == before
				})
			}
			docker(t, "unpause", web)
			nothingIsLeft(t, web)
			for _, p := range ours {
				eventually(t, fmt.Sprintf("%s has ended", p), func() bool { return !p.runs() })
			}
		})
	}
}

// pending reports whether a signal of a process is pending.
func pending(pid int, sig unix.Signal) bool {
	status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	for line := range strings.Lines(string(status)) {
		var set uint64
		if n, _ := fmt.Sscanf(line, "ShdPnd: %x", &set); n == 1 {
			return set&(1<<(sig-1)) != 0
		}
	}
	return false
}

// reads returns how often a process has called read(2), or 0 if it has ended.
func reads(pid int) (count int) {
	io, _ := os.ReadFile(fmt.Sprintf("/proc/%d/io", pid))
	for line := range strings.Lines(string(io)) {
		if n, _ := fmt.Sscanf(line, "syscr: %d", &count); n == 1 {
			return count
		}
	}
	return 0
}
