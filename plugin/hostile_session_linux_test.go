package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// A process that has just appeared in the container has nothing of the caller's: not its terminal, which a
// tracer in the container opens as /dev/tty there, types into and reads from, nor its process group, which the
// tracer has it signal by kill(0, SIGKILL). Before, it left the caller's session only as its next call.
func TestHostileSessionOfTheCaller(t *testing.T) {
	if engineOfTest(t).via == "engine" {
		t.Skip("the helper's container has no terminal of the caller's")
	}
	c := newCaller(t)
	container := runContainer(t, testImage, "sleep", "600")
	for _, args := range [][]string{{"-T", container, "true"}, {"-i", container, "true"}, {"-t", container, "true"}, {"--detach", container, "true"}} {
		t.Run(args[0], func(t *testing.T) {
			cmd := c.docker(append([]string{"nsjoin"}, args...)...)
			born, status := bornInside(t, cmd, initOf(t, container))
			if len(born) == 0 || status != 0 {
				t.Fatalf("status %d, and in the container appeared %v", status, born)
			}
			for _, b := range born {
				if b.tty != 0 || b.session == cmd.Process.Pid || b.group == cmd.Process.Pid {
					t.Errorf("a process in the container has terminal %d, session %d and group %d; the caller has session and group %d",
						b.tty, b.session, b.group, cmd.Process.Pid)
				}
			}
		})
	}
}

// belongings are the fields of stat that say to whom a process belongs.
type belongings struct{ group, session, tty int }

// bornInside runs a command at a terminal and returns its wait status, and to whom each process of its descendants that appears
// in the PID namespace of a container's first process belongs at its first instruction. It traces them all, so no moment
// is missed.
func bornInside(t *testing.T, cmd *exec.Cmd, first string) (born []belongings, status int) {
	t.Helper()
	namespace, err := os.Readlink("/proc/" + first + "/ns/pid")
	if err != nil {
		t.Fatal(err)
	}
	y := newTTY(t)
	go y.screen.follow(y.ours.Read)
	runtime.LockOSThread() // the tracer is a thread
	defer runtime.UnlockOSThread()
	cmd.Stdin, cmd.Stdout, cmd.Stderr = y.theirs, y.theirs, y.theirs
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true, Ptrace: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	const options = unix.PTRACE_O_TRACECLONE | unix.PTRACE_O_TRACEFORK | unix.PTRACE_O_TRACEVFORK | unix.PTRACE_O_TRACEEXEC | unix.PTRACE_O_EXITKILL
	for known := map[int]bool{}; ; {
		var ws unix.WaitStatus
		pid, err := unix.Wait4(-1, &ws, unix.WALL|unix.WNOTHREAD, nil)
		switch {
		case errors.Is(err, unix.EINTR):
		case errors.Is(err, unix.ECHILD):
			return born, status
		case err != nil:
			t.Fatal(err)
		case !ws.Stopped():
			if delete(known, pid); pid == cmd.Process.Pid {
				status = int(ws)
			}
		case !known[pid]:
			if known[pid] = true; pid == cmd.Process.Pid {
				_ = unix.PtraceSetOptions(pid, options) // inherited by all that follow
			} else if link, _ := os.Readlink(fmt.Sprintf("/proc/%d/ns/pid", pid)); link == namespace {
				born = append(born, belongingsOf(t, pid))
			}
			_ = unix.PtraceCont(pid, 0)
		case ws.TrapCause() > 0:
			_ = unix.PtraceCont(pid, 0)
		default:
			_ = unix.PtraceCont(pid, int(ws.StopSignal()))
		}
	}
}

// belongingsOf reads to whom a process belongs.
func belongingsOf(t *testing.T, pid int) (b belongings) {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Fatal(err)
	}
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	for i, to := range []*int{&b.group, &b.session, &b.tty} {
		if *to, err = strconv.Atoi(fields[2+i]); err != nil {
			t.Fatal(err)
		}
	}
	return b
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
