//go:build amd64 || arm64 || riscv64

package trace

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestExpressions(t *testing.T) {
	for expression, want := range map[string]string{ // of openat, connect, write
		"": "openat connect write", "openat": "openat", "trace=openat,write": "openat write", "trace=!openat": "connect write", "%network": "connect", "file": "openat", "trace=%desc": "write", "!%desc": "openat connect",
		"all": "openat connect write",
	} {
		c := &call{}
		if err := c.choose(expression); err != nil {
			t.Errorf("%s: %v", expression, err)
		}
		var got []string
		for _, name := range []string{"openat", "connect", "write"} {
			if c.wanted(name) {
				got = append(got, name)
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("-e %s shows %q, want %q", expression, got, want)
		}
	}
	for _, expression := range []string{"nosuch", "%nosuch", "signal=none", "inject=openat:error=1"} {
		if (&call{}).choose(expression) == nil {
			t.Errorf("-e %s is accepted", expression)
		}
	}
}

func TestStrace(t *testing.T) {
	file := filepath.Join(t.TempDir(), "out")
	status := Strace([]string{"-f", "-s", "5", "-e", "trace=write,exit_group", "-o", file, "sh", "-c", "echo abcdefgh >/dev/null; exit 3"})
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if status != 3 || !strings.Contains(string(text), `"abcde"...`) || strings.Contains(string(text), "execve") || strings.Contains(string(text), "mmap") {
		t.Errorf("status %d, %s", status, text)
	}
	for _, args := range [][]string{{"-c", "true"}, {"-p", "1", "true"}, nil, {"-e", "signal=none", "true"}} {
		if status := Strace(args); status != 2 {
			t.Errorf("strace %q: status %d, want 2", args, status)
		}
	}
	if status := Strace([]string{"/nosuch"}); status != 127 {
		t.Errorf("status %d, want 127", status)
	}
}

// A process that runs is followed from where it is, with its children, until it ends.
func TestStraceAttaches(t *testing.T) {
	cmd := exec.Command("sh", "-c", "read x; echo $x >/dev/null; (exit 5); exit 4")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "out")
	c, _, ok := parse([]string{"-p", "1"})
	if !ok {
		t.Fatal("it is not parsed")
	}
	if c.out, err = os.Create(file); err != nil {
		t.Fatal(err)
	}
	defer c.out.Close()
	done := make(chan error)
	go func() { done <- attach([]int{cmd.Process.Pid}, c.event(nil, nil)) }()
	for { // until the tracer is there
		select {
		case err := <-done:
			t.Skipf("processes can't be traced here: %v", err)
		default:
		}
		status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", cmd.Process.Pid))
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(status), "TracerPid:\t0\n") {
			break
		}
	}
	_, _ = in.Write([]byte("word\n"))
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	text, _ := os.ReadFile(file)
	for _, want := range []string{`"word\n"`, "spawned new child", "exited from exit status 1024 (code = 4)"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("it lacks %s: %s", want, text)
		}
	}
}
