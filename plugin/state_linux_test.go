package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestState joins containers whose first process is in a state in which it can't be asked for its filter,
// or isn't what the container was made with. docker exec asks it for nothing but its namespaces.
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
	out, errs := output(t, cmd)
	if status, said := cmd.ProcessState.ExitCode(), withoutRights(errs); status != 0 || said != "" {
		t.Errorf("docker %s: status %d, and output %s", strings.Join(args, " "), status, said)
	}
	return strings.TrimSpace(out)
}

// refuses is what it says that ends with 125.
func (c caller) refuses(t *testing.T, args ...string) string {
	t.Helper()
	cmd := c.docker(args...)
	out, errs := output(t, cmd)
	if status := cmd.ProcessState.ExitCode(); status != 125 || out != "" {
		t.Errorf("docker %s: status %d, and it prints %s", strings.Join(args, " "), status, out)
	}
	return pidNumber.ReplaceAllString(withoutRights(errs), "${1}N")
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
	// Of a process without a bundle there is no profile to make its filters of.
	want := "docker nsjoin: identity of pid:N: copy seccomp filter: trace process N: it did not stop within 2s: " +
		"it sleeps uninterruptibly or has no processor time\n"
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
		"hint: detach that debugger or strace first\n"
	if got := c.refuses(t, "nsjoin", fmt.Sprintf("pid:%d", pid), "true"); got != want {
		t.Errorf("stderr %q, want %q", got, want)
	}
}

// limited is a container with limits, if the engine has the controllers for them.
func limited(t *testing.T, script string, limits ...string) string {
	t.Helper()
	name := fmt.Sprintf("limited-%d%s", os.Getpid(), limits[0])
	args := append([]string{"--init=false"}, limits...)
	out, err := tryContainer(t, name, append(args, testImage, "sh", "-c", script)...)
	if err != nil || strings.Contains(out, "WARNING") {
		t.Skipf("this engine has no such limits: %s", out)
	}
	return name
}

// Three processes use up what there is of each second. A first process that is asked to stop does so
// when it has its share of one, some seconds later.
func testThrottled(t *testing.T) {
	c := newCaller(t)
	web := limited(t, "for i in 1 2 3; do while :; do :; done & done; wait", "--cpu-quota", "6000", "--cpu-period", "1000000")
	pid := initPID(t, web)
	group := groupsOf(t, pid, docker(t, "inspect", "-f", "{{.Id}}", web))["cpu"]
	if group == "" {
		t.Skip("this engine gives containers no group of the cpu controller")
	}
	eventually(t, "it is throttled", func() bool {
		stat, _ := os.ReadFile(filepath.Join(group, "cpu.stat"))
		return bytes.Contains(stat, []byte("nr_throttled")) && !bytes.Contains(stat, []byte("nr_throttled 0\n"))
	})
	if got := c.says(t, "nsjoin", web, "echo", "in"); got != "in" {
		t.Errorf("it prints %s", got)
	}
}

// kernel.yama.ptrace_scope=3 has no way back, so a filter says what it would.
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

// groupsOf are the directories of a container's own cgroups, by hierarchy, "" for cgroup v2.
func groupsOf(t *testing.T, pid int, id string) map[string]string {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", pid))
	if err != nil {
		t.Fatal(err)
	}
	groups := make(map[string]string)
	for line := range strings.Lines(string(text)) {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		mount := strings.TrimPrefix(parts[1], "name=")
		if mount == "" {
			mount = "unified"
		}
		if dir := filepath.Join("/sys/fs/cgroup", mount, parts[2]); strings.Contains(parts[2], id) && mount != "cpuset" { // which is not to be entered before it has processors
			groups[parts[1]] = dir
		}
	}
	return groups
}

func writeTo(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0); err != nil {
		t.Fatal(err)
	}
}

// A group beneath the container's own is one that its program made. On cgroup v2 it can be
// threaded, and the own one then takes processes all the same; or controllers are handed down to it, and
// then it doesn't.
func testMovedCgroup(t *testing.T) {
	c := newCaller(t)
	web := c.container(t)
	pid := initPID(t, web)
	groups := groupsOf(t, pid, docker(t, "inspect", "-f", "{{.Id}}", web))
	if len(groups) == 0 {
		t.Skip("this engine gives containers no cgroups of their own")
	}
	move := func(name, file string) {
		for _, dir := range groups {
			if err := os.MkdirAll(filepath.Join(dir, name), 0o755); err != nil {
				t.Fatal(err)
			}
			writeTo(t, filepath.Join(dir, name, file), strconv.Itoa(pid))
		}
	}
	move("sub", "cgroup.procs")
	asDockerExec(t, c, web)
	unified, ok := groups[""]
	if !ok {
		return
	}
	groups = map[string]string{"": unified}
	if controllers, _ := os.ReadFile(filepath.Join(unified, "cgroup.controllers")); strings.Contains(string(controllers), "hugetlb") {
		writeTo(t, filepath.Join(unified, "cgroup.subtree_control"), "+hugetlb")
		asDockerExec(t, c, web)
		writeTo(t, filepath.Join(unified, "cgroup.subtree_control"), "-hugetlb")
	} else {
		t.Log("there is no controller that could be handed down")
	}
	move(".", "cgroup.procs")
	if err := os.Mkdir(filepath.Join(unified, "threads"), 0o755); err != nil {
		t.Fatal(err)
	}
	writeTo(t, filepath.Join(unified, "threads", "cgroup.type"), "threaded")
	move("threads", "cgroup.threads")
	asDockerExec(t, c, web)
}

// titleVariable makes the test's own program one that writes over its environment, as those do that
// show their state in ps.
const titleVariable = "NSJOIN_TEST_TITLE"

var _ = showTitle()

func showTitle() error {
	if os.Getenv(titleVariable) == "" {
		return nil
	}
	stat, err := os.ReadFile("/proc/self/stat")
	if err != nil {
		return err
	}
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	start, _ := strconv.ParseInt(fields[50-3], 10, 64)
	end, _ := strconv.ParseInt(fields[51-3], 10, 64)
	mem, err := os.OpenFile("/proc/self/mem", os.O_RDWR, 0)
	if err != nil {
		return err
	}
	title := append([]byte("nginx: master process /usr/sbin/nginx\x00LEFT=over"), make([]byte, end-start)...)
	if _, err := mem.WriteAt(title[:end-start], start); err != nil {
		return err
	}
	fmt.Println("ready")
	for {
		time.Sleep(time.Hour)
	}
}

func testOverwrittenEnvironment(t *testing.T) {
	c := newCaller(t)
	web := c.containerWithProgram(t, "/title", testProgram(t), "-e", titleVariable+"=1", "-e", "SECRET=kept")
	eventually(t, "it has overwritten it", func() bool { return docker(t, "logs", web) == "ready" })
	pid := "pid:" + initOf(t, web)
	want := "HOME=/root\nLEFT=over\nPATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
	got := c.says(t, "nsjoin", pid, "sh", "-c", "env | grep -v -e ^PWD= -e ^SHLVL= | sort")
	if got != want {
		t.Errorf("the environment is\n%s\nwant\n%s", got, want)
	}
	if got := c.says(t, "nsjoin", "-e", "PATH=/bin", pid, "sh", "-c", "echo $PATH"); got != "/bin" {
		t.Errorf("PATH is %s", got)
	}
}
