//go:build linux

package keeper_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/nsjoin/docker-nsjoin/pkg/keeper"
	"github.com/nsjoin/docker-nsjoin/pkg/procfs"
)

// TestMain is also the program of the processes below. Each test has a network namespace of its own,
// since the socket has one name.
func TestMain(m *testing.M) {
	switch os.Getenv("KEEPER_TEST") {
	case "keep":
		idle, err := time.ParseDuration(os.Args[1])
		if err == nil {
			err = keeper.Keep(idle)
		}
		end(err)
	case "hold":
		connection, err := keeper.Connect()
		if err != nil {
			end(err)
		}
		if program, err := keeper.Program(connection); err != nil || !isThis(program) {
			end(fmt.Errorf("the first process has another program: %w", err))
		}
		keeper.Watch(connection, func() { fmt.Println("ended") })
		fmt.Println("held")
		var b [1]byte
		_, _ = os.Stdin.Read(b[:])
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// isThis reports whether a file is that of this program.
func isThis(program *os.File) bool {
	theirs, err := program.Stat()
	if err != nil {
		return false
	}
	ours, err := os.Stat("/proc/self/exe")
	return err == nil && os.SameFile(ours, theirs)
}

func end(err error) {
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	os.Exit(0)
}

// process starts this program in the network namespace of a process, or in a new one for 0.
func process(t *testing.T, kind string, in int, args ...string) *exec.Cmd {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Fatal("a network namespace needs root")
	}
	line := []string{"unshare", "--net", "--", os.Args[0]}
	if in != 0 {
		line = []string{"nsenter", "--net", fmt.Sprintf("--target=%d", in), "--", os.Args[0]}
	}
	cmd := exec.Command(line[0], append(line[1:], args...)...)
	cmd.Env = append(os.Environ(), "KEEPER_TEST="+kind)
	return cmd
}

func keep(t *testing.T, idle string) *exec.Cmd {
	t.Helper()
	cmd := process(t, "keep", 0, idle)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	// A call that joins it before unshare has made the namespace would look for it in this one. It may have ended already.
	ours, _ := os.Readlink("/proc/self/ns/net")
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		if theirs, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/net", cmd.Process.Pid)); err == nil && theirs != ours || hasEnded(cmd) {
			return cmd
		}
	}
	t.Fatal("it has no network namespace of its own")
	return nil
}

// hold starts a call, and returns it when it holds the container.
func hold(t *testing.T, of *exec.Cmd) *exec.Cmd {
	t.Helper()
	call, _ := holdAndRead(t, of)
	if call == nil {
		t.Fatal("the first process has ended")
	}
	return call
}

// holdAndRead returns no call if the first process has ended.
func holdAndRead(t *testing.T, of *exec.Cmd) (call *exec.Cmd, out io.Reader) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		call := process(t, "hold", of.Process.Pid)
		in, err := call.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { in.Close() })
		out, err := call.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := call.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = call.Process.Kill() })
		var said string
		if _, _ = fmt.Fscan(out, &said); said == "held" {
			return call, out
		}
		_ = call.Wait() // the first process does not listen yet
		if hasEnded(of) {
			return nil, nil
		}
	}
	t.Fatal("no call was welcomed")
	return nil, nil
}

func hasEnded(cmd *exec.Cmd) bool {
	st, err := procfs.ReadStat(cmd.Process.Pid)
	return err != nil || st.Dead()
}

func TestItStaysWhileACallIsUnderWay(t *testing.T) {
	const idle = time.Second
	var first, one *exec.Cmd
	for one == nil { // on a busy machine it may end before a call has started
		first = keep(t, idle.String())
		one, _ = holdAndRead(t, first)
	}
	other := hold(t, first)
	time.Sleep(2 * idle)
	if hasEnded(first) {
		t.Fatal("it has ended during two calls")
	}
	_ = one.Process.Kill() // whatever ends a call
	_ = one.Wait()
	time.Sleep(2 * idle)
	if third := hold(t, first); third.Process.Kill() != nil {
		t.Fatal("a third call")
	}
	_ = other.Process.Kill()
	if err := first.Wait(); err != nil {
		t.Errorf("it ends by itself: %v", err)
	}
}

// Somebody stops the container while a call is under way.
func TestCallLearnsOfTheEnd(t *testing.T) {
	first := keep(t, "1m")
	_, out := holdAndRead(t, first)
	_ = first.Process.Kill()
	_ = first.Wait()
	var said string
	if _, err := fmt.Fscan(out, &said); said != "ended" {
		t.Errorf("the call says %q, %v", said, err)
	}
}

func TestItEndsWithoutCalls(t *testing.T) {
	first := keep(t, "50ms")
	if err := first.Wait(); err != nil {
		t.Error(err)
	}
}

func TestNobodyIsThere(t *testing.T) {
	defer keeper.SetPatience(time.Second)()
	if _, err := keeper.Connect(); !errors.Is(err, keeper.ErrEnding) {
		t.Errorf("%v, want %v", err, keeper.ErrEnding)
	}
}
