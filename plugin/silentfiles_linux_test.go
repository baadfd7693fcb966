//go:build linux

package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// silentMount mounts the file system of a server that takes requests and does not answer in the mounts of a container: at
// a path, or, with overlay, as the lower layer of an overlay there.
func silentMount(t *testing.T, web, at string, overlay bool) *silentServer {
	t.Helper()
	s := newSilentServer(t)
	script := `busybox mount -t fuse -o fd=3,rootmode=40755,user_id=0,group_id=0,allow_other silent "$0"`
	if overlay {
		script = `busybox mkdir /lower && busybox mount -t fuse -o fd=3,rootmode=40755,user_id=0,group_id=0,allow_other silent /lower &&
			busybox mount -t overlay -o lowerdir=/lower:/etc over "$0"`
	} else {
		s.mute.Store(true)
	}
	mount := exec.Command("nsenter", "-m", "-t", initOf(t, web), "busybox", "sh", "-c", script, at)
	mount.ExtraFiles = []*os.File{s.dev}
	if out, err := mount.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return s
}

// silentCall is a call that needs a file system that does not answer.
type silentCall struct {
	name, at string
	overlay  bool
	args     []string // with WEB for the container
	want     string   // of what it prints when it gives up
}

func silentCalls() []silentCall {
	const identity = `docker nsjoin: read the identity of "WEB": the file system does not answer`
	return []silentCall{
		{"root", "/", false, []string{"nsjoin", "WEB", "true"}, identity},
		{"overlay", "/", true, []string{"nsjoin", "WEB", "true"}, identity},
		{"debug", "/", false, []string{"nsjoin", "debug", "WEB", "true"}, `docker nsjoin: read the root directory of "WEB": the file system does not answer`},
		{"accounts", "/etc", false, []string{"nsjoin", "-u", "root", "WEB", "true"}, identity},
		{"plan", "/etc", false, []string{"nsjoin", "--dry-run", "WEB", "true"}, identity},
		{"inspect", "/etc", false, []string{"nsjoin", "inspect", "WEB"}, identity},
		{"each", "/etc", false, []string{"nsjoin", "each", "WEB", "--", "true"}, "the file system does not answer"},
		{"names", "/etc", false, []string{"nsjoin", "--net", "container:WEB", "--names", "files:WEB", "--", "true"}, "the file system does not answer"},
		{"null", "/dev", false, []string{"nsjoin", "WEB", "true"}, "the file system does not answer"},
		{"terminal", "/dev", false, []string{"nsjoin", "-t", "WEB", "true"}, "the file system does not answer"},
		{"directory", "/silent", false, []string{"nsjoin", "-w", "/silent/x", "WEB", "true"}, "the file system does not answer"},
		{"program", "/silent", false, []string{"nsjoin", "WEB", "/silent/x"}, ""}, // takes two minutes
	}
}

// A call that needs a file system of the container's that does not answer ends with one line, and at once by a signal. No
// process is left when the server has ended.
func TestSilentFiles(t *testing.T) { testSilentCalls(t, 0) }

func TestInterruptedSilentFiles(t *testing.T) { testSilentCalls(t, unix.SIGINT) }

func testSilentCalls(t *testing.T, sig unix.Signal) {
	t.Helper()
	engine := engineOfTest(t)
	if engine.kinds["rootless"] || !onHost() {
		t.Skip("the file system is mounted in the container from this machine")
	}
	c := newCaller(t)
	for _, call := range silentCalls() {
		if sig == 0 && call.want == "" {
			continue
		}
		t.Run(call.name, func(t *testing.T) {
			t.Parallel()
			c.callSilent(t, call, sig)
		})
	}
}

// callSilent makes one call while a file system does not answer.
func (c caller) callSilent(t *testing.T, call silentCall, sig unix.Signal) {
	t.Helper()
	web := c.container(t)
	inside(t, web, "mkdir", "-p", "/silent")
	s := silentMount(t, web, call.at, call.overlay)
	defer s.end()
	name := strings.NewReplacer("WEB", web)
	var args []string
	for _, arg := range call.args {
		args = append(args, name.Replace(arg))
	}
	cmd := c.docker(args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	var errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &errs, &errs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the server is asked", s.taken)
	if sig != 0 {
		if err := unix.Kill(-cmd.Process.Pid, sig); err != nil {
			t.Error(err)
		}
	}
	status := ended(t, cmd)
	if sig == 0 && (status != 125 || !strings.Contains(errs.String(), name.Replace(call.want))) || status == 0 {
		t.Errorf("status %d: %s", status, &errs)
	}
	s.end()
	eventually(t, "no process is left", func() bool { return len(inSession(cmd.Process.Pid)) == 0 })
	eventually(t, "no helper is left", func() bool { return len(c.helpers(t)) == 0 })
}

// A command beside docker nsjoin that goes on after a signal is not ended since its output is not read for a while. One that
// the signal has ended ends the call nevertheless.
func TestSilentFilesAndPausedReader(t *testing.T) {
	engine := engineOfTest(t)
	if engine.kinds["rootless"] || !onHost() {
		t.Skip("the file system is mounted in the container from this machine")
	}
	c := newCaller(t)
	web := c.container(t)
	inside(t, web, "mkdir", "-p", "/silent")
	s := silentMount(t, web, "/silent", true)
	t.Cleanup(s.end)
	for _, survives := range []bool{true, false} {
		t.Run(fmt.Sprintf("survives %t", survives), func(t *testing.T) {
			t.Parallel()
			c.pauseReader(t, web, survives)
		})
	}
}

// pauseReader signals a command whose output is not read.
func (c caller) pauseReader(t *testing.T, web string, survives bool) {
	t.Helper()
	script := "exec yes"
	if survives {
		script = "trap '' TERM; exec yes"
	}
	cmd := c.docker("--debug", "nsjoin", web, "sh", "-c", script)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, full, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	cmd.Stdout, cmd.WaitDelay = full, time.Second // of the CLI: docker nsjoin has its standard error
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	full.Close()
	eventually(t, "the pipe is full", func() bool {
		n, err := unix.IoctlGetUint32(int(out.Fd()), unix.TIOCINQ)
		return err == nil && n >= 60<<10
	})
	began := time.Now()
	if err := unix.Kill(-cmd.Process.Pid, unix.SIGTERM); err != nil {
		t.Error(err)
	}
	if survives {
		eventually(t, "a while", func() bool { return time.Since(began) > 6*time.Second })
		if n, err := io.CopyN(io.Discard, out, 1<<20); err != nil {
			t.Errorf("the output ended after %d bytes: %v", n, err)
		}
		out.Close()
	}
	status := ended(t, cmd)
	if !strings.Contains(errs.String(), "runs beside") || !survives && status != 143 || strings.Contains(errs.String(), "interrupted") {
		t.Errorf("status %d: %s", status, &errs)
	}
}
