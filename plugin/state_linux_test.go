package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/exectest"
)

// TestState joins containers whose first process is in a state in which its filter can't be copied, or has
// changed since the container was created. docker exec needs only the process's namespaces.
func TestState(t *testing.T) {
	if host, err := engineOfTest(t).condition("host"); err != nil || !host {
		t.Skip("it looks at the engine's processes")
	}
	for name, test := range map[string]func(*testing.T){
		"it sleeps uninterruptibly":           testUninterruptible,
		"it is traced":                        testTraced,
		"it has no processor time left":       testThrottled,
		"nobody may trace it":                 testUntraceable,
		"its main thread has ended":           testWithoutItsMainThread,
		"it has moved beneath its own cgroup": testMovedCgroup,
		"it has overwritten its environment":  testOverwrittenEnvironment,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t)
		})
	}
}

// vforks returns a program for linux/amd64 that calls vfork(2) and pause(2): its first process sleeps
// uninterruptibly until its child ends.
func vforks() []byte {
	code := []byte{
		0xb8, 58, 0, 0, 0, 0x0f, 0x05, // mov eax, vfork; syscall
		0xb8, 34, 0, 0, 0, 0x0f, 0x05, // mov eax, pause; syscall
		0xeb, 0xf7, // jmp to the pause
	}
	const base, start = 0x400000, 120
	header := append([]byte("\x7fELF\x02\x01\x01"), make([]byte, start-7)...)
	for at, value := range map[int]uint64{
		16: 2, 18: 62, 20: 1, 24: base + start, 32: 64, 52: 64, 54: 56, 56: 1, // the ELF header
		64: 1, 68: 5, 80: base, 88: base, 96: start + uint64(len(code)), 104: start + uint64(len(code)), 112: 0x1000, // its program header
	} {
		for i := 0; value > 0; i, value = i+1, value>>8 {
			header[at+i] = byte(value)
		}
	}
	return append(header, code...)
}

func testUninterruptible(t *testing.T) {
	if runtime.GOARCH != "amd64" {
		t.Skip("its program is one for amd64")
	}
	c := newCaller(t)
	program := filepath.Join(t.TempDir(), "vforks")
	if err := exectest.Write(program, vforks()); err != nil {
		t.Fatal(err)
	}
	web := c.containerWithProgram(t, "/vforks", program)
	pid := initPID(t, web)
	eventually(t, "it sleeps", func() bool {
		p, _ := readProcess(pid)
		return p.state == "D" && len(childrenOf(pid)) == 1
	})
	asDockerExec(t, c, web)
	if !c.compiled(t, web) {
		t.Error("its filter was copied, from nobody knows where")
	}
	// A process without a bundle has no profile that its filter could be compiled from.
	want := "docker nsjoin: identity of pid:N: copy seccomp filter: trace process N: it did not stop within 2s: " +
		"it is in uninterruptible sleep or gets no CPU time\n"
	if got := c.refuses(t, "nsjoin", fmt.Sprintf("pid:%d", pid), "true"); got != want {
		t.Errorf("stderr %q, want %q", got, want)
	}
	if p, _ := readProcess(pid); p.state != "D" {
		t.Errorf("its state is %s", p.state)
	}
}

func testTraced(t *testing.T) {
	c := newCaller(t)
	web := c.container(t)
	pid := initPID(t, web)
	attached, over := make(chan error), make(chan struct{})
	go func() {
		runtime.LockOSThread() // never unlocked: when the thread ends, the kernel detaches it
		attached <- unix.PtraceSeize(pid)
		<-over
	}()
	if err := <-attached; err != nil {
		t.Fatal(err)
	}
	defer close(over)
	asDockerExec(t, c, web)
	want := "docker nsjoin: identity of pid:N: copy seccomp filter: trace process N: process N traces it already\n" +
		"hint: detach that debugger or strace first\n"
	if got := c.refuses(t, "nsjoin", fmt.Sprintf("pid:%d", pid), "true"); got != want {
		t.Errorf("stderr %q, want %q", got, want)
	}
}

// kernel.yama.ptrace_scope=3 cannot be undone, so a seccomp filter makes ptrace(2) fail in the same way.
func testUntraceable(t *testing.T) {
	if os.Getenv(viaVariable) == "engine" {
		t.Skip("the helper's container has no filter")
	}
	c := newCaller(t)
	cmd := c.docker("nsjoin", c.container(t), "echo", "in")
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	startRefused(t, cmd, unix.SYS_PTRACE, unix.EPERM)
	if status := ended(t, cmd); status != 0 || out.String() != "in\n" {
		t.Errorf("status %d, stdout %q, stderr %q", status, &out, &errs)
	}
}

func testWithoutItsMainThread(t *testing.T) {
	c := newCaller(t)
	web := c.containerWithProgram(t, "/leaderless", testProgram(t), "-e", leaderlessVariable+"=1", "--net", "none")
	pid := initPID(t, web)
	// The engine takes this process for dead, and does not remove its container.
	t.Cleanup(func() { _ = unix.Kill(pid, unix.SIGKILL) })
	eventually(t, "its main thread has ended", func() bool {
		p, _ := readProcess(pid)
		return p.state == "Z" && isThere(pid)
	})
	// A thread that does not stop soon, on a busy machine, is no error: then the filter is compiled.
	eventually(t, "its filter is copied from another thread", func() bool { return !c.compiled(t, web) })
	for _, args := range [][]string{
		{web, "echo", "in"}, {fmt.Sprintf("pid:%d", pid), "echo", "in"}, {"-u", "app", web, "echo", "in"}, {"--only", "net", web, "echo", "in"},
	} {
		if got := c.says(t, append([]string{"nsjoin"}, args...)...); got != "in" {
			t.Errorf("docker nsjoin %s: it prints %s", strings.Join(args, " "), got)
		}
	}
	if got := c.says(t, "nsjoin", "ls"); !strings.Contains(got, web) {
		t.Errorf("ls does not show it:\n%s", got)
	}
	if got := c.says(t, "nsjoin", "inspect", web); !strings.Contains(got, "user") {
		t.Errorf("inspect says %s", got)
	}
}
