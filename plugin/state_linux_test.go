package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestState joins containers whose first process is in a state in which it can't be stopped and
// asked for its filter. docker exec asks it for nothing but its namespaces.
func TestState(t *testing.T) {
	for name, test := range map[string]func(*testing.T){
		"it sleeps uninterruptibly": testUninterruptible,
		"it is traced":              testTraced,
		"its main thread has ended": testWithoutItsMainThread,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t)
		})
	}
}

// asDockerExec has docker exec and docker nsjoin tell all that their commands know of rights, and
// compares it.
func asDockerExec(t *testing.T, c caller, web string) {
	t.Helper()
	command := []string{web, "sh", "-c", "id; grep -E '^(Cap|Seccomp|NoNew)' /proc/self/status; cat /proc/self/cgroup"}
	want := docker(t, append([]string{"exec"}, command...)...)
	if got := c.says(t, append([]string{"nsjoin"}, command...)...); got != want {
		t.Errorf("it prints\n%s\nand docker exec\n%s", got, want)
	}
}

// says is what a command of the Docker CLI's prints, which must succeed and say nothing else.
func (c caller) says(t *testing.T, args ...string) string {
	t.Helper()
	cmd := c.docker(args...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if status, said := ended(t, cmd), withoutRights(errs.String()); status != 0 || said != "" {
		t.Errorf("docker %s: status %d, and it says %s", strings.Join(args, " "), status, said)
	}
	return strings.TrimSpace(out.String())
}

// refuses is what it says that ends with 125.
func (c caller) refuses(t *testing.T, args ...string) string {
	t.Helper()
	cmd := c.docker(args...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if status := ended(t, cmd); status != 125 || out.Len() > 0 {
		t.Errorf("docker %s: status %d, and it prints %s", strings.Join(args, " "), status, &out)
	}
	return pidNumber.ReplaceAllString(withoutRights(errs.String()), "${1}N")
}

// withoutRights leaves out the warning of a helper that an engine gave fewer capabilities.
func withoutRights(said string) string {
	if line, rest, ok := strings.Cut(said, "\n"); ok && strings.HasPrefix(line, "docker nsjoin: warning: the engine can't give all capabilities") {
		return rest
	}
	return said
}

// compiled tells whether the plan's filter is made of the profile, not copied.
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

// vforks is a program for Linux on amd64 which calls vfork(2) and pause(2): its first process
// sleeps uninterruptibly until its child ends.
func vforks() []byte {
	code := []byte{
		0xb8, 58, 0, 0, 0, 0x0f, 0x05, // mov eax, vfork; syscall
		0xb8, 34, 0, 0, 0, 0x0f, 0x05, // mov eax, pause; syscall
		0xeb, 0xf7, // again
	}
	const base, start = 0x400000, 120
	header := append([]byte("\x7fELF\x02\x01\x01"), make([]byte, start-7)...)
	for at, value := range map[int]uint64{
		16: 2, 18: 62, 20: 1, 24: base + start, 32: 64, 52: 64, 54: 56, 56: 1, // the file's header
		64: 1, 68: 5, 80: base, 88: base, 96: start + uint64(len(code)), 104: start + uint64(len(code)), 112: 0x1000, // its segment's
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
	if err := os.WriteFile(program, vforks(), 0o755); err != nil {
		t.Fatal(err)
	}
	web := c.containerOf(t, "/vforks", "-v", program+":/vforks:ro")
	pid, _ := strconv.Atoi(docker(t, "inspect", "-f", "{{.State.Pid}}", web))
	eventually(t, "it sleeps", func() bool {
		p, _ := readProcess(pid)
		return p.state == "D" && len(childrenOf(pid)) == 1
	})
	asDockerExec(t, c, web)
	if !c.compiled(t, web) {
		t.Error("its filter was copied, from nobody knows where")
	}
	// Of a process without a bundle there is no profile to make its filters of.
	want := "docker nsjoin: identity of pid:N: copy seccomp filter: trace process N: it did not stop within 2s: " +
		"it sleeps uninterruptibly or has no processor time\n"
	if got := c.refuses(t, "nsjoin", fmt.Sprintf("pid:%d", pid), "true"); got != want {
		t.Errorf("it says %q, want %q", got, want)
	}
	if p, _ := readProcess(pid); p.state != "D" {
		t.Errorf("its state is %s", p.state)
	}
}

func testTraced(t *testing.T) {
	c := newCaller(t)
	web := c.container(t)
	pid, _ := strconv.Atoi(docker(t, "inspect", "-f", "{{.State.Pid}}", web))
	attached, over := make(chan error), make(chan struct{})
	go func() {
		runtime.LockOSThread() // and never unlocked: its end lets go of the process
		attached <- unix.PtraceSeize(pid)
		<-over
	}()
	if err := <-attached; err != nil {
		t.Fatal(err)
	}
	defer close(over)
	asDockerExec(t, c, web)
	want := "docker nsjoin: identity of pid:N: copy seccomp filter: trace process N: process N traces it already\n" +
		"hint: it can be joined when that debugger or strace lets it go\n"
	if got := c.refuses(t, "nsjoin", fmt.Sprintf("pid:%d", pid), "true"); got != want {
		t.Errorf("it says %q, want %q", got, want)
	}
}

func testWithoutItsMainThread(t *testing.T) {
	c := newCaller(t)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	web := c.containerOf(t, "/leaderless", "-v", self+":/leaderless:ro", "-e", leaderlessVariable+"=1", "--net", "none")
	pid, _ := strconv.Atoi(docker(t, "inspect", "-f", "{{.State.Pid}}", web))
	// The engine itself takes it for dead, and does not remove the container.
	t.Cleanup(func() { _ = unix.Kill(pid, unix.SIGKILL) })
	eventually(t, "its main thread has ended", func() bool {
		p, _ := readProcess(pid)
		return p.state == "Z" && isThere(pid)
	})
	if c.compiled(t, web) {
		t.Error("its filter was not copied from another thread")
	}
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

// containerOf is a container whose first process is a program that prints nothing.
func (c caller) containerOf(t *testing.T, program string, options ...string) string {
	t.Helper()
	name := fmt.Sprintf("state-%d-%s", os.Getpid(), strings.Trim(program, "/"))
	run := append([]string{"run", "-d", "--init=false", "--name", name, "--label", ownLabel()}, options...)
	docker(t, append(run, testImage, program)...)
	t.Cleanup(func() {
		eventually(t, name+" is removed", func() bool { return exec.Command("docker", "rm", "-f", "-v", name).Run() == nil })
	})
	return name
}
