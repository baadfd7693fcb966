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

// lead starts a leader of a session; what it prints first are its children's
// numbers, on one line, unless it is cat.
func lead(t *testing.T, name string, args ...string) (cmd *exec.Cmd, children []int) {
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
	if _, err := stdin.Write([]byte("\n")); err != nil { // cat gives it back
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

func grouped(t *testing.T, pid int, leads bool) *group {
	t.Helper()
	g, err := newGroup(pid, pidfdOf(t, pid), leads)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// pidfdOf is a pidfd of a process until the test ends.
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

// numbers are the processes of a group.
func numbers(t *testing.T, g *group) (pids []int) {
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

// lives tells whether a group has members, to which it sends signals.
func lives(g *group, sigs ...unix.Signal) bool {
	l := g.signal(sigs...)
	defer l.close()
	return !l.none()
}

// gone waits until a process that is not ours to wait for has ended.
func gone(t *testing.T, pid int) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(time.Millisecond) {
		if st, err := procfs.ReadStat(pid); err != nil || st.Dead() {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("process %d is left", pid)
		}
	}
}

func TestMembersAreTheProcessesOfTheSession(t *testing.T) {
	// The first is in a process group of its own, the second's parent has ended,
	// the third has left the session.
	cmd, children := lead(t, "sh", "-c", `
		set -m; sleep 600 >/dev/null & a=$!; set +m
		b=$(sleep 600 >/dev/null & echo $!)
		setsid sleep 600 >/dev/null & c=$!
		until [ "$(cut -d' ' -f6 /proc/$c/stat)" = $c ]; do :; done
		echo $a $b $c; read ready; read end`)
	if len(children) != 3 {
		t.Fatalf("children %v", children)
	}
	g := grouped(t, cmd.Process.Pid, true)
	want := []int{cmd.Process.Pid, children[0], children[1]}
	slices.Sort(want)
	got := numbers(t, g)
	if !slices.Equal(got, want) {
		t.Errorf("members %v, want %v", got, want)
	}
	// Its number is not another's as long as there are members.
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	g.child = false // as for the watcher
	got = numbers(t, g)
	if want = slices.DeleteFunc(want, func(pid int) bool { return pid == cmd.Process.Pid }); !slices.Equal(got, want) {
		t.Errorf("without its leader: members %v, want %v", got, want)
	}
}

// The number of a command that has ended and was waited for is another process's in the end.
func TestSessionOfAnotherThatGotItsNumberIsNotTouched(t *testing.T) {
	ended, _ := lead(t, "cat")
	pidfd := pidfdOf(t, ended.Process.Pid)
	_ = ended.Process.Kill()
	_ = ended.Wait()
	cmd, children := lead(t, "sh", "-c", `sleep 600 >/dev/null & echo $!; read ready; read end`)
	for _, leads := range []bool{true, false} {
		g := grouped(t, cmd.Process.Pid, leads)
		g.pidfd, g.child = pidfd, false
		if lives(g, unix.SIGKILL) {
			t.Errorf("leads %t: it is signalled", leads)
		}
	}
	if g := grouped(t, cmd.Process.Pid, true); !lives(g) || !alive(children[0]) {
		t.Error("it has ended")
	}
	// Nor is what another leader of the number has left, in another pid namespace.
	g := grouped(t, cmd.Process.Pid, true)
	g.pidfd, g.child = pidfd, false
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	g.space.Ino++
	if lives(g, unix.SIGKILL) || !alive(children[0]) {
		t.Error("what it left is signalled")
	}
	g.space.Ino--
	if !lives(g, unix.SIGKILL) {
		t.Error("what a command left in its own namespace is not signalled")
	}
	gone(t, children[0])
}

func TestEndEndsEveryMember(t *testing.T) {
	cmd, children := lead(t, "sh", "-c", `sleep 600 >/dev/null & a=$!; sleep 600 >/dev/null & kill -STOP $!; echo $a $!; read ready; read end`)
	grouped(t, cmd.Process.Pid, true).end()
	for _, pid := range children {
		gone(t, pid)
	}
	_ = cmd.Wait()
	if ws := cmd.ProcessState.Sys().(syscall.WaitStatus); ws.Signal() != unix.SIGHUP {
		t.Errorf("the leader ended with %v, want %v", ws.Signal(), unix.SIGHUP)
	}
}

func TestEndWakesAStoppedLeader(t *testing.T) {
	cmd, _ := lead(t, "cat")
	if err := cmd.Process.Signal(unix.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	if err := unix.Waitid(unix.P_PID, cmd.Process.Pid, nil, unix.WSTOPPED|unix.WNOWAIT, nil); err != nil {
		t.Fatal(err)
	}
	grouped(t, cmd.Process.Pid, true).end()
	_ = cmd.Wait()
	if ws := cmd.ProcessState.Sys().(syscall.WaitStatus); ws.Signal() != unix.SIGHUP {
		t.Errorf("it ended with %v, want %v", ws.Signal(), unix.SIGHUP)
	}
}

func TestEndOfOneProcessLeavesItsChildren(t *testing.T) {
	cmd, children := lead(t, "sh", "-c", `sleep 600 >/dev/null & echo $!; read ready; read end`)
	grouped(t, cmd.Process.Pid, false).end()
	_ = cmd.Wait()
	if st, err := procfs.ReadStat(children[0]); err != nil || st.Dead() {
		t.Errorf("its child is %+v, %v", st, err)
	}
	if err := unix.Kill(children[0], unix.SIGKILL); err != nil {
		t.Error(err)
	}
	gone(t, children[0])
}

// What ignores SIGHUP is there until SIGKILL, and what has ended but was not
// waited for isn't.
func TestSignalTellsWhetherAnyMemberLives(t *testing.T) {
	for _, leads := range []bool{true, false} {
		cmd, _ := lead(t, "sh", "-c", `trap "" HUP; echo; while :; do read end || sleep 1; done`)
		g := grouped(t, cmd.Process.Pid, leads)
		for _, sig := range []unix.Signal{unix.SIGHUP, unix.SIGCONT, 0, unix.SIGKILL} {
			if !lives(g, sig) {
				t.Errorf("leads %t: nothing lives that gets signal %d", leads, sig)
			}
		}
		gone(t, cmd.Process.Pid)
		if lives(g, unix.SIGKILL) || lives(g) {
			t.Errorf("leads %t: an ended one lives", leads)
		}
		_ = cmd.Wait()
		if lives(g) {
			t.Errorf("leads %t: it lives after it was waited for", leads)
		}
	}
}

func TestGroupOfAProcessThatIsGone(t *testing.T) {
	cmd, _ := lead(t, "cat")
	pidfd := pidfdOf(t, cmd.Process.Pid)
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	if g, err := newGroup(cmd.Process.Pid, pidfd, true); err == nil {
		t.Errorf("it is held: %+v", g)
	}
}

// What can't be killed, as it is frozen, is looked for more and more rarely: all processes of
// the machine were looked at every 20 ms.
func TestHostileFrozenCommandIsWaitedForAtRest(t *testing.T) {
	looks := 0
	for waited, pause := time.Duration(0), interval; waited < time.Hour; pause = longer(pause) {
		waited += pause
		looks++
	}
	if looks > 100 {
		t.Errorf("%d looks an hour", looks)
	}
	cmd, _ := lead(t, "cat")
	g := grouped(t, cmd.Process.Pid, true)
	l := g.signal()
	before := g.looks
	ended := make(chan string, 1)
	go func() { l.wait(time.Hour); ended <- "" }() // which is over at the end
	_ = cmd.Process.Kill()
	within(t, "the wait", ended)
	if g.looks != before {
		t.Errorf("%d looks while it is waited", g.looks-before)
	}
}

// More processes than there are descriptors for are ended as well.
func TestManyMembersAreEnded(t *testing.T) {
	const many = maxHeld + 40
	cmd, children := lead(t, "sh", "-c", `for i in $(seq `+strconv.Itoa(many)+`); do sleep 600 >/dev/null & printf "$! "; done; echo; read ready; read end`)
	if len(children) != many {
		t.Fatalf("%d children", len(children))
	}
	g := grouped(t, cmd.Process.Pid, true)
	l := g.signal()
	if len(l.fds) != maxHeld || !l.more {
		t.Errorf("%d are held, there are more: %t", len(l.fds), l.more)
	}
	l.close()
	g.end()
	for _, pid := range children {
		gone(t, pid)
	}
}
