//go:build linux

package session

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/procfs"
)

// startLeader starts the leader of a session. Unless it is cat, it first prints its children's pids
// on one line.
func startLeader(t *testing.T, name string, args ...string) (cmd *exec.Cmd, children []int) {
	t.Helper()
	cmd = exec.Command(name, args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for _, pid := range children {
			_ = unix.Kill(pid, unix.SIGKILL)
		}
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	if _, err := stdin.Write([]byte("\n")); err != nil { // cat writes it back
		t.Fatal(err)
	}
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	for word := range strings.FieldsSeq(line) {
		pid, err := strconv.Atoi(word)
		if err != nil {
			t.Fatal(err)
		}
		children = append(children, pid)
	}
	return cmd, children
}

func newTestGroup(t *testing.T, pid int, leads bool) *group {
	t.Helper()
	g, err := newGroup(pid, pidfdOf(t, pid), leads)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// pidfdOf returns a pidfd that is closed when the test ends.
func pidfdOf(t *testing.T, pid int) *os.File {
	t.Helper()
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		t.Fatal(err)
	}
	f := os.NewFile(uintptr(fd), "pidfd")
	t.Cleanup(func() { f.Close() })
	return f
}

func memberPIDs(t *testing.T, g *group) (pids []int) {
	t.Helper()
	g.members(func(fd int, _ procfs.Stat) {
		info, err := os.ReadFile(fmt.Sprintf("/proc/self/fdinfo/%d", fd))
		if err != nil {
			t.Fatal(err)
		}
		_, number, _ := strings.Cut(string(info), "\nPid:\t")
		number, _, _ = strings.Cut(number, "\n")
		pid, err := strconv.Atoi(number)
		if err != nil {
			t.Fatal(err)
		}
		pids = append(pids, pid)
	})
	slices.Sort(pids)
	return pids
}

// signalAlive sends signals to the members of a group and reports whether there are any.
func signalAlive(g *group, sigs ...unix.Signal) bool {
	l := g.signal(sigs...)
	defer l.close()
	return !l.none()
}

// waitGone waits until a process has ended, which need not be a child of this one.
func waitGone(t *testing.T, pid int) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(time.Millisecond) {
		if st, err := procfs.ReadStat(pid); err != nil || st.Dead() {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("process %d still runs", pid)
		}
	}
}

func TestMembersAreTheSessionsProcesses(t *testing.T) {
	// a is in a process group of its own, b's parent has ended, c has left the session.
	cmd, children := startLeader(t, "sh", "-c", `
		set -m; sleep 600 >/dev/null & a=$!; set +m
		b=$(sleep 600 >/dev/null & echo $!)
		setsid sleep 600 >/dev/null & c=$!
		until [ "$(cut -d' ' -f6 /proc/$c/stat)" = $c ]; do :; done
		echo $a $b $c; read ready; read end`)
	if len(children) != 3 {
		t.Fatalf("children %v", children)
	}
	g := newTestGroup(t, cmd.Process.Pid, true)
	want := []int{cmd.Process.Pid, children[0], children[1]}
	slices.Sort(want)
	got := memberPIDs(t, g)
	if !slices.Equal(got, want) {
		t.Errorf("members %v, want %v", got, want)
	}
	// The session ID can't be reused while the session has members.
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	g.child = false // as in the watchdog
	got = memberPIDs(t, g)
	if want = slices.DeleteFunc(want, func(pid int) bool { return pid == cmd.Process.Pid }); !slices.Equal(got, want) {
		t.Errorf("after the leader's end: members %v, want %v", got, want)
	}
}

// The pid of a command that was reaped may be reused.
func TestReusedPIDIsNotSignalled(t *testing.T) {
	ended, _ := startLeader(t, "cat")
	pidfd := pidfdOf(t, ended.Process.Pid)
	_ = ended.Process.Kill()
	_ = ended.Wait()
	cmd, children := startLeader(t, "sh", "-c", `sleep 600 >/dev/null & echo $!; read ready; read end`)
	for _, leads := range []bool{true, false} {
		g := newTestGroup(t, cmd.Process.Pid, leads)
		g.pidfd, g.child = pidfd, false
		if signalAlive(g, unix.SIGKILL) {
			t.Errorf("leads %t: the new process with this pid is signalled", leads)
		}
	}
	if g := newTestGroup(t, cmd.Process.Pid, true); !signalAlive(g) || !isAlive(children[0]) {
		t.Error("the new process or its child has ended")
	}
	// The new leader has ended and its child is in another pid namespace than the command.
	g := newTestGroup(t, cmd.Process.Pid, true)
	g.pidfd, g.child = pidfd, false
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	g.pidNS.Ino++
	if signalAlive(g, unix.SIGKILL) || !isAlive(children[0]) {
		t.Error("a process of another pid namespace is signalled")
	}
	g.pidNS.Ino--
	if !signalAlive(g, unix.SIGKILL) {
		t.Error("a process that the command left in its pid namespace is not signalled")
	}
	waitGone(t, children[0])
}

func TestEndEndsAllMembers(t *testing.T) {
	cmd, children := startLeader(t, "sh", "-c", `sleep 600 >/dev/null & a=$!; sleep 600 >/dev/null & kill -STOP $!; echo $a $!; read ready; read end`)
	newTestGroup(t, cmd.Process.Pid, true).end()
	for _, pid := range children {
		waitGone(t, pid)
	}
	_ = cmd.Wait()
	if ws := cmd.ProcessState.Sys().(syscall.WaitStatus); ws.Signal() != unix.SIGHUP {
		t.Errorf("the leader ended with %v, want %v", ws.Signal(), unix.SIGHUP)
	}
}

func TestEndContinuesStoppedLeader(t *testing.T) {
	cmd, _ := startLeader(t, "cat")
	if err := cmd.Process.Signal(unix.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	if err := unix.Waitid(unix.P_PID, cmd.Process.Pid, nil, unix.WSTOPPED|unix.WNOWAIT, nil); err != nil {
		t.Fatal(err)
	}
	newTestGroup(t, cmd.Process.Pid, true).end()
	_ = cmd.Wait()
	if ws := cmd.ProcessState.Sys().(syscall.WaitStatus); ws.Signal() != unix.SIGHUP {
		t.Errorf("it ended with %v, want %v", ws.Signal(), unix.SIGHUP)
	}
}

func TestEndWithoutSessionLeavesChildren(t *testing.T) {
	cmd, children := startLeader(t, "sh", "-c", `sleep 600 >/dev/null & echo $!; read ready; read end`)
	newTestGroup(t, cmd.Process.Pid, false).end()
	_ = cmd.Wait()
	if st, err := procfs.ReadStat(children[0]); err != nil || st.Dead() {
		t.Errorf("its child is %+v, %v", st, err)
	}
	if err := unix.Kill(children[0], unix.SIGKILL); err != nil {
		t.Error(err)
	}
	waitGone(t, children[0])
}

// A process that ignores SIGHUP is a member until SIGKILL; a zombie is not.
func TestSignalReportsLivingMembers(t *testing.T) {
	for _, leads := range []bool{true, false} {
		cmd, _ := startLeader(t, "sh", "-c", `trap "" HUP; echo; while :; do read end || sleep 1; done`)
		g := newTestGroup(t, cmd.Process.Pid, leads)
		for _, sig := range []unix.Signal{unix.SIGHUP, unix.SIGCONT, 0, unix.SIGKILL} {
			if !signalAlive(g, sig) {
				t.Errorf("leads %t: no member for signal %d", leads, sig)
			}
		}
		waitGone(t, cmd.Process.Pid)
		if signalAlive(g, unix.SIGKILL) || signalAlive(g) {
			t.Errorf("leads %t: a zombie is a member", leads)
		}
		_ = cmd.Wait()
		if signalAlive(g) {
			t.Errorf("leads %t: a reaped process is a member", leads)
		}
	}
}

func TestGroupOfEndedProcess(t *testing.T) {
	cmd, _ := startLeader(t, "cat")
	pidfd := pidfdOf(t, cmd.Process.Pid)
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	if g, err := newGroup(cmd.Process.Pid, pidfd, true); err == nil {
		t.Errorf("newGroup returns %+v for an ended process", g)
	}
}

// A frozen process, which SIGKILL does not end, is looked for less and less often. Once, all
// processes of the machine were read every 20 ms.
func TestHostileFrozenCommandCostsLittleCPU(t *testing.T) {
	scans := 0
	for waited, pause := time.Duration(0), minInterval; waited < time.Hour; pause = nextPause(pause) {
		waited += pause
		scans++
	}
	if scans > 100 {
		t.Errorf("/proc is read %d times an hour", scans)
	}
	cmd, _ := startLeader(t, "cat")
	g := newTestGroup(t, cmd.Process.Pid, true)
	l := g.signal()
	before := g.scans
	ended := make(chan string, 1)
	go func() { l.wait(time.Hour); ended <- "" }() // returns when the command ends
	_ = cmd.Process.Kill()
	wait(t, "the wait", ended)
	if g.scans != before {
		t.Errorf("/proc was read %d times during the wait", g.scans-before)
	}
}

func TestEndWithMoreMembersThanPidfds(t *testing.T) {
	const many = maxPidfds + 40
	cmd, children := startLeader(t, "sh", "-c", `for i in $(seq `+strconv.Itoa(many)+`); do sleep 600 >/dev/null & printf "$! "; done; echo; read ready; read end`)
	if len(children) != many {
		t.Fatalf("%d children", len(children))
	}
	g := newTestGroup(t, cmd.Process.Pid, true)
	l := g.signal()
	if len(l.fds) != maxPidfds || !l.more {
		t.Errorf("%d pidfds, more %t", len(l.fds), l.more)
	}
	l.close()
	g.end()
	for _, pid := range children {
		waitGone(t, pid)
	}
}
