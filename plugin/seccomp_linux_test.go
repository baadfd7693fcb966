//go:build linux

package main

import (
	"bytes"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// profileFile writes a seccomp profile for docker run.
func profileFile(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "profile.json")
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return file
}

// agent listens for the runtime, which sends it the descriptor that tells of the calls of each
// process that it starts. It holds them as long as the test runs.
func agent(t *testing.T) (path string, heard <-chan struct{}) {
	t.Helper()
	dir, err := os.MkdirTemp("", "agent") //nolint:usetesting // a socket's path is short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	path = filepath.Join(dir, "socket")
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: path})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	if err := errors.Join(os.Chmod(dir, 0o755), os.Chmod(path, 0o777)); err != nil { // for a rootless engine
		t.Fatal(err)
	}
	told := make(chan struct{}, 16)
	go func() {
		for {
			c, err := listener.AcceptUnix()
			if err != nil {
				return
			}
			oob := make([]byte, 64)
			_, n, _, _, err := c.ReadMsgUnix(make([]byte, 1<<16), oob)
			if err != nil {
				continue
			}
			messages, err := unix.ParseSocketControlMessage(oob[:n])
			if err != nil || len(messages) == 0 {
				continue
			}
			if fds, err := unix.ParseUnixRights(&messages[0]); err == nil && len(fds) == 1 {
				f := os.NewFile(uintptr(fds[0]), "listener")
				t.Cleanup(func() { f.Close() })
				told <- struct{}{}
			}
		}
	}()
	return path, told
}

// TestSeccompNotify is a profile that leaves a call to an agent: docker nsjoin refuses each command in
// the container in one line, whatever is asked for, and runs nothing of it.
func TestSeccompNotify(t *testing.T) {
	c := newCaller(t)
	socket, heard := agent(t)
	profile := profileFile(t, `{"defaultAction": "SCMP_ACT_ALLOW", "listenerPath": "`+socket+`",
		"syscalls": [{"names": ["acct"], "action": "SCMP_ACT_NOTIFY"}]}`)
	name := "agent-" + filepath.Base(filepath.Dir(socket))
	t.Cleanup(func() { _ = exec.Command("docker", "rm", "-f", "-v", name).Run() })
	out, err := exec.Command("docker", "run", "-d", "--name", name, "--label", ownLabel(),
		"--security-opt", "seccomp="+profile, testImage, "sleep", "600").CombinedOutput()
	switch {
	case bytes.Contains(out, []byte("listenerPath is not set")):
		t.Skipf("this engine has no such container: %s", out)
	case err != nil:
		t.Fatalf("%v: %s", err, out)
	}
	<-heard
	docker(t, "exec", name, "touch", "/tmp/there") // so that it can be seen that nothing else was run
	for _, args := range [][]string{
		{name, "touch", "/tmp/ours"},
		{"-u", "1000", name, "touch", "/tmp/ours"},
		{"-d", name, "touch", "/tmp/ours"},
		{"--privileged", name, "touch", "/tmp/ours"},
		{"--except", "net", name, "touch", "/tmp/ours"},
		{"--dry-run", name, "touch", "/tmp/ours"},
		{"inspect", name},
	} {
		cmd := c.docker(append([]string{"nsjoin"}, args...)...)
		var stdout, stderr bytes.Buffer
		cmd.Stdout, cmd.Stderr = &stdout, &stderr
		_ = cmd.Run()
		lines := strings.Split(strings.TrimSpace(stderr.String()), "\n")
		if status := cmd.ProcessState.ExitCode(); status != 125 || len(lines) != 2 || stdout.Len() > 0 ||
			!strings.HasPrefix(lines[0], "docker nsjoin: ") || !strings.Contains(lines[0], "SCMP_ACT_NOTIFY") ||
			!strings.Contains(lines[0], name) || !strings.HasPrefix(lines[1], "hint: ") {
			t.Errorf("%v: status %d, %s%s", args, status, &stdout, &stderr)
		}
	}
	if files := docker(t, "exec", name, "ls", "/tmp"); files != "there" {
		t.Errorf("what was run left %q", files)
	}
	if got := docker(t, "exec", name, "sh", "-c", "grep Seccomp: /proc/self/status"); !strings.HasSuffix(got, "2") {
		t.Errorf("docker exec has %s", got)
	}
	// What the hint says.
	cmd := c.docker("nsjoin", "--only", "net", name, "true")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("--only net: %v: %s", err, out)
	}
}
