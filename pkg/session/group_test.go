//go:build linux

package session

import (
	"bufio"
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
	g, err := newGroup(pid, leads)
	if err != nil {
		t.Fatal(err)
	}
	return g
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
	got := g.members()
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("members %v, want %v", got, want)
	}
	// Its number is not another's as long as there are members.
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	got = g.members()
	slices.Sort(got)
	if want = slices.DeleteFunc(want, func(pid int) bool { return pid == cmd.Process.Pid }); !slices.Equal(got, want) {
		t.Errorf("without its leader: members %v, want %v", got, want)
	}
}

func TestSessionOfAnotherThatGotItsNumberIsNotTouched(t *testing.T) {
	cmd, _ := lead(t, "cat")
	for _, leads := range []bool{true, false} {
		g := grouped(t, cmd.Process.Pid, leads)
		g.started++
		if g.signal(unix.SIGKILL) {
			t.Errorf("leads %t: it is signalled", leads)
		}
	}
	if g := grouped(t, cmd.Process.Pid, true); !g.signal(0) {
		t.Error("it has ended")
	}
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
			if !g.signal(sig) {
				t.Errorf("leads %t: nothing lives that gets signal %d", leads, sig)
			}
		}
		gone(t, cmd.Process.Pid)
		if g.signal(unix.SIGKILL) || g.signal(0) {
			t.Errorf("leads %t: an ended one lives", leads)
		}
		_ = cmd.Wait()
		if g.signal(0) {
			t.Errorf("leads %t: it lives after it was waited for", leads)
		}
	}
}

func TestGroupOfAProcessThatIsGone(t *testing.T) {
	cmd, _ := lead(t, "cat")
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	if g, err := newGroup(cmd.Process.Pid, true); err == nil {
		t.Errorf("it is held: %+v", g)
	}
}
