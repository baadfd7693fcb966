//go:build linux

package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// says runs a command of the Docker CLI and returns its standard output. The command must succeed, and
// print nothing to standard error.
func (c caller) says(t *testing.T, args ...string) string {
	t.Helper()
	cmd := c.docker(args...)
	out, errs := output(t, cmd)
	if status, said := cmd.ProcessState.ExitCode(), withoutRights(errs); status != 0 || said != "" {
		t.Errorf("docker %s: status %d, and output %s", strings.Join(args, " "), status, said)
	}
	return strings.TrimSpace(out)
}

// refuses runs a command of the Docker CLI that must fail with exit status 125. It returns the standard
// error, with N for PIDs.
func (c caller) refuses(t *testing.T, args ...string) string {
	t.Helper()
	cmd := c.docker(args...)
	out, errs := output(t, cmd)
	if status := cmd.ProcessState.ExitCode(); status != 125 || out != "" {
		t.Errorf("docker %s: status %d, and it prints %s", strings.Join(args, " "), status, out)
	}
	return pidNumber.ReplaceAllString(withoutRights(errs), "${1}N")
}

// withoutRights removes the warning that an engine gave the helper fewer capabilities.
func withoutRights(said string) string {
	if line, rest, ok := strings.Cut(said, "\n"); ok && strings.HasPrefix(line, "docker nsjoin: warning: the engine cannot grant all capabilities") {
		return rest
	}
	return said
}

// asDockerExec compares the IDs, capabilities, seccomp state and cgroups of a command of docker nsjoin with
// those of a command of docker exec.
func asDockerExec(t *testing.T, c caller, web string) {
	t.Helper()
	command := []string{web, "sh", "-c", "id; grep -E '^(Cap|Seccomp|NoNew)' /proc/self/status; cat /proc/self/cgroup"}
	want := docker(t, append([]string{"exec"}, command...)...)
	if got := c.says(t, append([]string{"nsjoin"}, command...)...); got != want {
		t.Errorf("it prints\n%s\nand docker exec\n%s", got, want)
	}
}

// compiled reports whether the plan's filter is compiled from the profile, not copied.
func (c caller) compiled(t *testing.T, web string) bool {
	t.Helper()
	var p struct {
		Identity struct {
			Container struct{ Seccomp []struct{ Compiled bool } }
		}
	}
	text := c.says(t, "nsjoin", "--dry-run", "--format", "json", web, "true")
	if err := json.Unmarshal([]byte(text), &p); err != nil || len(p.Identity.Container.Seccomp) != 1 {
		t.Fatalf("%v: %s", err, text)
	}
	return p.Identity.Container.Seccomp[0].Compiled
}

// said runs the Docker CLI and returns the exit status and the output.
func (c caller) said(args ...string) (int, string) {
	cmd := c.docker(args...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	_ = cmd.Run()
	return cmd.ProcessState.ExitCode(), out.String()
}

// nsjoin returns the output of docker nsjoin, which must end with this status.
func (c caller) nsjoin(t *testing.T, status int, args ...string) string {
	t.Helper()
	cmd := c.docker(append([]string{"nsjoin"}, args...)...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if got := ended(t, cmd); got != status {
		t.Errorf("%s: exit status %d\n%s", strings.Join(args, " "), got, &out)
	}
	return strings.TrimSpace(out.String())
}

// kill sends a signal to a process.
func kill(t *testing.T, pid int, sig unix.Signal) {
	t.Helper()
	if err := unix.Kill(pid, sig); err != nil {
		t.Fatal(err)
	}
}

// output runs a command, which must end by itself, and returns what it wrote.
func output(t *testing.T, cmd *exec.Cmd) (stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended(t, cmd)
	return out.String(), errs.String()
}

// ended waits for a command, which must end by itself, and returns its status as a shell's $?.
func ended(t *testing.T, cmd *exec.Cmd) int {
	t.Helper()
	hangs := time.AfterFunc(endsWithin, func() { _ = cmd.Process.Kill() })
	err := cmd.Wait()
	if !hangs.Stop() {
		t.Errorf("%s did not end within %s", cmd, endsWithin)
	}
	if cmd.ProcessState == nil {
		t.Fatalf("%s: %v", cmd, err)
	}
	if ws, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
		return 128 + int(ws.Signal())
	}
	return cmd.ProcessState.ExitCode()
}

// startRefused starts a command from a thread whose seccomp filter makes a system call fail with
// an errno. The command inherits the filter; the thread ends.
func startRefused(t *testing.T, cmd *exec.Cmd, call uintptr, errno unix.Errno) {
	t.Helper()
	started := make(chan error)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		if err := refuse(call, errno); err != nil {
			started <- fmt.Errorf("seccomp filter: %w", err)
			return
		}
		started <- cmd.Start()
	}()
	if err := <-started; err != nil {
		t.Fatal(err)
	}
}

func lookPath(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// safeBytes is a buffer that can be read while it is written.
type safeBytes struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *safeBytes) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *safeBytes) bytes() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return bytes.Clone(s.b.Bytes())
}

// startPiped starts a command with pipes as its standard input and output. When the test ends, the input is
// closed and the process is killed.
func startPiped(t *testing.T, cmd *exec.Cmd) (in io.WriteCloser, out *bufio.Reader) {
	t.Helper()
	in, errIn := cmd.StdinPipe()
	r, errOut := cmd.StdoutPipe()
	if err := errors.Join(errIn, errOut, cmd.Start()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	return in, bufio.NewReader(r)
}

// startWaiting is startPiped for a command that first prints a line, and then waits.
func startWaiting(t *testing.T, cmd *exec.Cmd, line string) (in io.WriteCloser, out *bufio.Reader) {
	t.Helper()
	in, out = startPiped(t, cmd)
	if got, err := out.ReadString('\n'); got != line+"\n" {
		t.Fatalf("%s: printed %q, want %q: %v", cmd, got, line, err)
	}
	return in, out
}

// startReady starts a command, collects its output, and waits until that contains "ready". Its standard input is
// a pipe that stays open until the test ends. Then the process is killed.
func startReady(t *testing.T, cmd *exec.Cmd) *safeBytes {
	t.Helper()
	out := &safeBytes{}
	cmd.Stdout, cmd.Stderr = out, out
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	eventually(t, "the command is ready", func() bool { return bytes.Contains(out.bytes(), []byte("ready")) })
	return out
}
