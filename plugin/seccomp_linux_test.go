//go:build linux

package main

import (
	"bytes"
	"errors"
	"net"
	"os"
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

// agent listens for the runtime, which sends a seccomp notification descriptor for each process that
// it starts. The descriptors stay open until the test ends.
func agent(t *testing.T) (path string, heard <-chan struct{}) {
	t.Helper()
	dir, err := os.MkdirTemp("", "agent") //nolint:usetesting // t.TempDir is too long for a socket
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
	if err := errors.Join(os.Chmod(dir, 0o755), os.Chmod(path, 0o777)); err != nil { // a rootless engine's user connects to it
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

// TestSeccompNotify has a profile that leaves a call to an agent. docker nsjoin refuses every command in
// the container, with any options, in one line and a hint, and does not run it.
func TestSeccompNotify(t *testing.T) {
	c := newCaller(t)
	socket, heard := agent(t)
	profile := profileFile(t, `{"defaultAction": "SCMP_ACT_ALLOW", "listenerPath": "`+socket+`",
		"syscalls": [{"names": ["acct"], "action": "SCMP_ACT_NOTIFY"}]}`)
	name := "agent-" + filepath.Base(filepath.Dir(socket))
	out, err := tryContainer(t, name, "--security-opt", "seccomp="+profile, testImage, "sleep", "600")
	switch {
	case strings.Contains(out, "listenerPath is not set"):
		t.Skipf("the engine cannot run this container: %s", out)
	case err != nil:
		t.Fatalf("%v: %s", err, out)
	}
	<-heard
	docker(t, "exec", name, "touch", "/tmp/there") // the only file that must be there at the end
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
		t.Errorf("/tmp has %q", files)
	}
	if got := docker(t, "exec", name, "sh", "-c", "grep Seccomp: /proc/self/status"); !strings.HasSuffix(got, "2") {
		t.Errorf("docker exec's filter mode: %s", got)
	}
	// The hint's way works.
	cmd := c.docker("nsjoin", "--only", "net", name, "true")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("--only net: %v: %s", err, out)
	}
}
