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
	"time"

	"golang.org/x/sys/unix"
)

// leaderlessVariable makes the test program end its main thread while other threads go on:
// from then on its state in /proc is Z.
const leaderlessVariable = "NSJOIN_TEST_LEADERLESS"

// Package initialization runs on the main thread.
var _ = leaveMainThread()

func leaveMainThread() (left bool) {
	if os.Getenv(leaderlessVariable) != "" {
		go runWithoutMainThread()
		runtime.LockOSThread()
		_, _, errno := syscall.Syscall(unix.SYS_EXIT, 0, 0, 0) // ends only this thread
		left = errno == 0
	}
	return left
}

// runWithoutMainThread exits with status 42 on SIGTERM. Other signals have their default action.
func runWithoutMainThread() {
	terminated := make(chan os.Signal, 1)
	signal.Notify(terminated, unix.SIGTERM)
	for {
		if stat, err := os.ReadFile("/proc/self/stat"); err == nil && bytes.Contains(stat, []byte(") Z ")) {
			break
		}
		time.Sleep(time.Millisecond)
	}
	fmt.Println("ready")
	<-terminated
	os.Exit(42)
}

// leaderless starts a command whose main thread has ended.
func leaderless(t *testing.T) *running {
	t.Helper()
	c := newCaller(t)
	self := testProgram(t)
	web := c.container(t, "-v", self+":/leaderless:ro")
	s := &running{t: t, container: web}
	s.cmd = c.docker("nsjoin", "-e", leaderlessVariable+"=1", web, "/leaderless")
	s.output = startReady(t, s.cmd)
	s.cli = s.cmd.Process.Pid
	eventually(t, "the helper and its command run", func() bool {
		s.helper, _ = helperOf(s.cli)
		for _, s.command = range childrenOf(s.helper.pid) {
			comm, _ := os.ReadFile(fmt.Sprintf("/proc/%d/comm", s.command.pid))
			if string(comm) == "leaderless\n" {
				return s.command.state == "Z"
			}
		}
		return false
	})
	return s
}

// A command whose main thread has ended is killed with its client. Before, it got no signal and
// outlived client, helper and watchdog.
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
