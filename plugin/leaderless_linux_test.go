package main

import (
	"bytes"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// leaderlessVariable makes the test's own program a command whose main thread ends while
// the others go on: its state in /proc is Z from then on.
const leaderlessVariable = "NSJOIN_TEST_LEADERLESS"

// TestLeaderless is no test: it runs in a container, and ends by SIGTERM with 42, or
// by any other signal as that has it.
func TestLeaderless(*testing.T) {
	if os.Getenv(leaderlessVariable) == "" {
		return
	}
	terminated := make(chan os.Signal, 1)
	signal.Notify(terminated, unix.SIGTERM)
	// Goroutines that keep their threads, until one has the main one.
	for range 64 {
		go func() {
			runtime.LockOSThread()
			if unix.Gettid() == os.Getpid() {
				_, _, _ = syscall.Syscall(unix.SYS_EXIT, 0, 0, 0) // of this thread alone
			}
			select {}
		}()
	}
	for {
		if stat, err := os.ReadFile("/proc/self/stat"); err == nil && bytes.Contains(stat, []byte(") Z ")) {
			break
		}
		runtime.Gosched()
	}
	fmt.Println("ready")
	<-terminated
	os.Exit(42)
}

// leaderless begins a command whose main thread has ended.
func leaderless(t *testing.T) *running {
	t.Helper()
	c := newCaller(t)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	web := c.container(t, "-v", self+":/leaderless:ro")
	s := begin(t, c, web, false, "env", leaderlessVariable+"=1", "/leaderless", "-test.run=^TestLeaderless$")
	eventually(t, "its main thread has ended", func() bool {
		now, ok := readProcess(s.command.pid)
		return ok && now.state == "Z"
	})
	return s
}

// isThere tells whether a process has threads that run.
func isThere(pid int) bool {
	tasks, _ := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	return len(tasks) > 1
}

// A command whose main thread has ended got no signal, and was there after client, helper and
// watcher had gone.
func TestClientEndsACommandWithoutItsMainThread(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(s *running){
		"kill -9 of the CLI":    func(s *running) { s.kill(s.cli, unix.SIGKILL) },
		"kill -9 of the helper": func(s *running) { s.kill(s.helper.pid, unix.SIGKILL) },
	} {
		t.Run(name, func(t *testing.T) {
			s := leaderless(t)
			end(s)
			eventually(t, "the command has ended", func() bool { return !isThere(s.command.pid) })
			nothingIsLeft(t, s.container)
		})
	}
}

func TestClientSignalsACommandWithoutItsMainThread(t *testing.T) {
	t.Parallel()
	for sig, want := range map[unix.Signal]int{unix.SIGTERM: 42, unix.SIGHUP: 129} {
		s := leaderless(t)
		s.kill(s.helper.pid, sig)
		if status := s.ends(); status != want {
			t.Errorf("%s: status %d, want %d: %s", unix.SignalName(sig), status, want, strings.TrimSpace(string(s.output.bytes())))
		}
	}
}
