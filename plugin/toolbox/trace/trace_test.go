//go:build amd64 || arm64 || riscv64

package trace

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
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
	for _, args := range [][]string{{"-P", "/x", "true"}, {"-ff", "-o", "x", "true"}, {"-p", "1", "true"}, nil, {"-e", "signal=none", "true"}} {
		if status := Strace(args); status != 1 {
			t.Errorf("strace %q: status %d, want 1", args, status)
		}
	}
	if status := Strace([]string{"/nosuch"}); status != 127 {
		t.Errorf("status %d, want 127", status)
	}
}

// What is counted is not printed; the files of descriptors are, if that is wanted.
func TestStraceOptions(t *testing.T) {
	file := filepath.Join(t.TempDir(), "out")
	for _, row := range []struct{ options, want, not string }{
		{"-c", " total\n", "E openat"},
		{"-C", "E openat", "nosuch"},
		{"-y -e openat,read", "</", "mmap"},
		{"-z -e trace=%file", "openat", "ENOENT"},
		{"-ttt -e execve,openat", ".", "mmap"},
		{"-r -e openat", "     0.", "mmap"},
	} {
		status := Strace(append(strings.Fields(row.options+" -o "+file), "cat", "/etc/passwd", "/nosuch"))
		text, err := os.ReadFile(file)
		if err != nil || status != 1 || !strings.Contains(string(text), row.want) || row.not != "nosuch" && strings.Contains(string(text), row.not) {
			t.Errorf("%s: status %d, %v, %s", row.options, status, err, text)
		}
	}
}

// follow starts to trace a process, and returns when the tracer is there. The function that it returns waits until all
// traced processes have ended, and returns what is printed.
func follow(t *testing.T, pid int) (wait func() string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "out")
	c, _, ok := parse([]string{"-p", "1"})
	if !ok {
		t.Fatal("it is not parsed")
	}
	var err error
	if c.out, err = os.Create(file); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- attach([]int{pid}, c.event(nil, nil)) }()
	for {
		select {
		case err := <-done:
			if errors.Is(err, unix.EPERM) || errors.Is(err, unix.ENOSYS) {
				t.Skipf("processes can't be traced here: %v", err)
			}
			t.Fatalf("it ends: %v", err)
		default:
		}
		if !strings.Contains(statusOf(t, pid), "TracerPid:\t0\n") {
			break
		}
	}
	return func() string {
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		c.out.Close()
		text, _ := os.ReadFile(file)
		return string(text)
	}
}

func statusOf(t *testing.T, pid int) string {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
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
	wait := follow(t, cmd.Process.Pid)
	_, _ = in.Write([]byte("word\n"))
	text := wait()
	for _, want := range []string{`"word\n"`, "spawned new child", "exited from exit status 1024 (code = 4)"} {
		if !strings.Contains(text, want) {
			t.Errorf("it lacks %s: %s", want, text)
		}
	}
}

// A process that is stopped stays so until a SIGCONT, and gets its signals.
func TestStraceLeavesAProcessStopped(t *testing.T) {
	cmd := exec.Command("sh", "-c", "trap 'echo caught >/dev/null' USR1; kill -STOP $$; exit 4")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for !strings.Contains(statusOf(t, cmd.Process.Pid), "State:\tT") {
		runtime.Gosched()
	}
	if err := cmd.Process.Signal(unix.SIGUSR1); err != nil {
		t.Fatal(err)
	}
	wait := follow(t, cmd.Process.Pid)
	for range 2000 { // it would end meanwhile
		if strings.Contains(statusOf(t, cmd.Process.Pid), "State:\tZ") {
			t.Fatal("it goes on by itself")
		}
	}
	if err := cmd.Process.Signal(unix.SIGCONT); err != nil {
		t.Fatal(err)
	}
	text := wait()
	for _, want := range []string{"caught", "continued", "exit status 1024 (code = 4)"} {
		if !strings.Contains(text, want) {
			t.Errorf("it lacks %s: %s", want, text)
		}
	}
}

// TestThreads is the program of the next test: it makes threads until it is traced, and ends when its input ends.
func TestThreads(t *testing.T) {
	if os.Getenv("NSJOIN_TEST_THREADS") == "" {
		t.Skip("it is not a test by itself")
	}
	fmt.Println("ready")
	for range 8 {
		go func() {
			for strings.Contains(statusOf(t, os.Getpid()), "TracerPid:\t0\n") {
				gone := make(chan struct{})
				go func() {
					runtime.LockOSThread() // the thread ends with it
					close(gone)
				}()
				<-gone
			}
		}()
	}
	_, _ = io.Copy(io.Discard, os.Stdin)
}

func TestStraceAttachesToAProgramThatMakesThreads(t *testing.T) {
	cmd := exec.Command("/proc/self/exe", "-test.run=^TestThreads$")
	cmd.Env = append(os.Environ(), "NSJOIN_TEST_THREADS=1")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(out, make([]byte, len("ready"))); err != nil {
		t.Fatal(err)
	}
	wait := follow(t, cmd.Process.Pid)
	in.Close()
	go func() { _, _ = io.Copy(io.Discard, out) }()
	if text := wait(); !strings.Contains(text, "exited from exit status 0") {
		t.Errorf("it prints %.2000s", text)
	}
}
