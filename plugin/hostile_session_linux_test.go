package main

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// stopperVariable turns the test program into the first process of a container that stops every other process
// there: see TestStopper.
const stopperVariable = "NSJOIN_TEST_STOPPER"

// TestStopper is not a test: it runs in the container and never ends. It stops processes before their first
// instruction in the container's PID namespace.
func TestStopper(*testing.T) {
	if os.Getenv(stopperVariable) == "" {
		return
	}
	fmt.Println("ready")
	for range 2 { // a process appears on any processor
		go func() {
			for {
				_, _, _ = unix.RawSyscall(unix.SYS_KILL, ^uintptr(0), uintptr(unix.SIGSTOP), 0)
			}
		}()
	}
	select {}
}

// A process that has just appeared in the container has nothing of the caller's: not its terminal, which a
// tracer in the container opens as /dev/tty there, types into and reads from, nor its process group, which the
// tracer has it signal by kill(0, SIGKILL). Before, it left the caller's session only as its next call.
func TestHostileSessionOfTheCaller(t *testing.T) {
	engineOfTest(t)
	c := newCaller(t)
	container, _ := hostileContainer(t, "^TestStopper$", "-e", stopperVariable+"=1")
	first := initOf(t, container)
	early := 0
	for calls := 0; calls < 200 && early < 1; calls++ {
		y := newTTY(t)
		cmd := c.docker("nsjoin", "-T", container, "true")
		y.start(cmd)
		caught := caughtEarly(t, first)
		_ = unix.Kill(-cmd.Process.Pid, unix.SIGKILL)
		<-y.exited
		if caught == nil {
			continue
		}
		early++
		if caught.tty != 0 || caught.session == cmd.Process.Pid || caught.group == cmd.Process.Pid {
			t.Fatalf("a process in the container has terminal %d, session %d and group %d; the caller has session and group %d",
				caught.tty, caught.session, caught.group, cmd.Process.Pid)
		}
	}
	if early == 0 {
		t.Error("no process was stopped before it led a session of its own")
	}
}

// belongings are the fields of stat that say to whom a process belongs.
type belongings struct{ group, session, tty int }

// caughtEarly waits for a stopped process beside a container's first one. It returns nil if that already leads a
// session of its own.
func caughtEarly(t *testing.T, first string) (found *belongings) {
	t.Helper()
	eventually(t, "a process is stopped", func() bool {
		for _, p := range inPIDNamespaceOf(first) {
			if strconv.Itoa(p.pid) == first || p.state != "T" {
				continue
			}
			text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.pid))
			if err != nil {
				continue
			}
			fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
			var b belongings
			for i, to := range []*int{&b.group, &b.session, &b.tty} {
				*to, _ = strconv.Atoi(fields[2+i])
			}
			if b.session != p.pid {
				found = &b
			}
			return true
		}
		return false
	})
	return found
}

// forgedVariable turns the test program into a process with a filter of its own: see TestForgedSetsid.
const forgedVariable = "NSJOIN_TEST_FORGED_SETSID"

// TestForgedSetsid is not a test: it runs in the container and never ends. With its filter, setsid(2) only seems to
// succeed, unless the filter is evaluated for an instruction at address 0.
func TestForgedSetsid(t *testing.T) {
	if os.Getenv(forgedVariable) == "" {
		return
	}
	const number, pointer = 0, 8 // in struct seccomp_data
	program := []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: number},
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: unix.SYS_SETSID, Jf: 5},
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: pointer},
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: 0, Jf: 2},
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: pointer + 4},
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: 0, Jt: 1},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ERRNO},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW},
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		t.Fatal(err)
	}
	filterAllThreads(t, program)
	fmt.Println("ready")
	select {}
}

// A process whose filter forges setsid(2) does not get its command into the caller's session. Before, any command by
// pid:N of a container without rights had the caller's terminal, and could type into the caller's shell.
func TestHostileFilterForgesSetsid(t *testing.T) {
	if engineOfTest(t).via == "engine" {
		t.Skip("the helper's container has no terminal of the caller's")
	}
	c := newCaller(t)
	container, _ := hostileContainer(t, "^TestForgedSetsid$", "-e", forgedVariable+"=1", "--user", "1000", "--cap-drop", "ALL")
	y := newTTY(t)
	cmd := c.docker("nsjoin", "-T", "pid:"+initOf(t, container), "sh", "-c", "cut -d' ' -f7 /proc/self/stat; : </dev/tty && echo opened")
	y.start(cmd)
	status := y.ends()
	eventually(t, "the command has printed the number of its terminal", func() bool { return strings.Contains(y.screen.text(), "\r\n") })
	if text := y.screen.text(); !strings.HasPrefix(text, "0\r\n") {
		t.Errorf("the command has a terminal: %q, status %d", text, status)
	}
	if strings.Contains(y.screen.text(), "opened") {
		t.Error("the command has opened the caller's terminal")
	}
}

// The memory of a process that a tracer in the container stops before its exec has nothing of another container.
// Before, it had the environment of each container that a namespace was taken from.
func TestHostileRootFindsNoOtherContainer(t *testing.T) {
	if helperIsForeign(engineOfTest(t)) {
		t.Skip("a container in its own user namespace cannot trace a process of ours before its exec")
	}
	const secret = "NSJOIN_TEST_SECRET_of_another_container"
	c := newCaller(t)
	other := runContainer(t, "-e", "SECRET="+secret, testImage, "sleep", "600")
	container, saw := attacked(t, secret, []string{"--cap-add", "SYS_PTRACE"})
	for calls := 0; calls < 100 && len(saw(t)) < 3; calls++ {
		cmd := c.docker("nsjoin", "--net", "container:"+other, container, "true")
		cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		_ = ended(t, cmd)
	}
	all := saw(t)
	if len(all) == 0 {
		t.Fatal("the attacker never stopped a process of ours")
	}
	for _, s := range all {
		if s.Secret {
			t.Fatalf("the environment of another container is in the memory of a process in the container: %+v", s)
		}
	}
}
