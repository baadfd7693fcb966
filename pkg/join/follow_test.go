//go:build linux

package join

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/ns"
	"github.com/nsjoin/docker-nsjoin/pkg/plan"
)

// following follows a process in between, which has ended, to the last one,
// which is in our uts namespace. To take the one for the other fails: an ended
// process is in no namespace.
func following(t *testing.T) (f *follower, gate *bytes.Buffer, last int) {
	t.Helper()
	var st unix.Stat_t
	if err := unix.Stat("/proc/self/ns/uts", &st); err != nil {
		t.Fatal(err)
	}
	gate = &bytes.Buffer{}
	f = &follower{
		plan: &plan.Plan{Namespaces: []plan.Namespace{{Kind: ns.UTS, Source: "web", ID: ns.ID{Dev: st.Dev, Ino: st.Ino}}}},
		gate: gate,
		pid:  ended(t, 3),

		onReady: func(int) error { return nil },
	}
	return f, gate, waiting(t)
}

func TestForkedAndReadyComeInEitherOrder(t *testing.T) {
	for _, readyFirst := range []bool{false, true} {
		f, gate, last := following(t)
		between := f.pid
		order := []message{{Kind: messageForked, Value: uint32(last)}, {Kind: messageReady}}
		if readyFirst {
			order[0], order[1] = order[1], order[0]
		}
		if err := f.handle(order[0]); err != nil {
			t.Fatalf("ready first %t, the first message: %v", readyFirst, err)
		}
		if f.settled || gate.Len() > 0 {
			t.Fatalf("ready first %t: it is settled after one message", readyFirst)
		}
		if err := f.handle(order[1]); err != nil {
			t.Fatalf("ready first %t, the second message: %v", readyFirst, err)
		}
		if !f.settled || gate.Len() != 1 {
			t.Errorf("ready first %t: settled %t, %d bytes at the gate", readyFirst, f.settled, gate.Len())
		}
		if f.pid != last {
			t.Errorf("ready first %t: process %d is followed, want %d", readyFirst, f.pid, last)
		}
		if err := unix.Kill(between, 0); !errors.Is(err, unix.ESRCH) {
			t.Errorf("ready first %t: the process in between is left: %v", readyFirst, err)
		}
	}
}

func TestCommandRunsOnceThePipeIsClosed(t *testing.T) {
	for _, readyFirst := range []bool{false, true} {
		f, gate, last := following(t)
		order := []message{{Kind: messageForked, Value: uint32(last)}, {Kind: messageReady}}
		if readyFirst {
			order[0], order[1] = order[1], order[0]
		}
		if err := followed(t, f, piped(t, order...)); err != nil || gate.Len() != 1 {
			t.Errorf("ready first %t: %v, %d bytes at the gate", readyFirst, err, gate.Len())
		}
	}
}

func TestWithoutAForkReadyIsEnough(t *testing.T) {
	f, gate, last := following(t)
	f.reap()
	f.pid, f.last = last, true
	if err := followed(t, f, piped(t, message{Kind: messageReady})); err != nil || gate.Len() != 1 {
		t.Errorf("%v, %d bytes at the gate", err, gate.Len())
	}
}

func TestFailureAfterTheGateIsAFailure(t *testing.T) {
	f, _, last := following(t)
	f.plan.Command.Args, f.plan.Steps = []string{"ls"}, []plan.Step{{Op: plan.OpExec}}
	err := followed(t, f, piped(t,
		message{Kind: messageForked, Value: uint32(last)}, message{Kind: messageReady},
		message{Kind: messageFailed, Value: uint32(unix.ENOENT)}))
	if !errors.Is(err, unix.ENOENT) {
		t.Errorf("%v, want %v", err, unix.ENOENT)
	}
}

func TestChildThatLeavesWithoutAWord(t *testing.T) {
	for _, row := range []struct {
		name string
		sent func(*testing.T) []message
		want int
	}{
		{"nothing", func(*testing.T) []message { return nil }, 3},
		{"only ready", func(*testing.T) []message { return []message{{Kind: messageReady}} }, 3},
		{"only forked", func(t *testing.T) []message {
			return []message{{Kind: messageForked, Value: uint32(ended(t, 4))}}
		}, 4},
	} {
		f, gate, _ := following(t)
		err := followed(t, f, piped(t, row.sent(t)...))
		want := fmt.Sprintf("the joining process ended with status %d before the command ran", row.want)
		if err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", row.name, err, want)
		}
		if f.settled || gate.Len() > 0 {
			t.Errorf("%s: it is settled", row.name)
		}
	}
}

func TestProcessInAnotherNamespaceDoesntPassTheGate(t *testing.T) {
	f, gate, last := following(t)
	f.plan.Namespaces[0].ID.Ino++
	err := followed(t, f, piped(t, message{Kind: messageForked, Value: uint32(last)}, message{Kind: messageReady}))
	if err == nil || f.settled || gate.Len() > 0 {
		t.Errorf("%v, settled %t, %d bytes at the gate", err, f.settled, gate.Len())
	}
}

// Who attends the command prepares before it runs, and may refuse.
func TestReadyIsToldBeforeTheGateOpens(t *testing.T) {
	refusal := errors.New("refused")
	for _, want := range []error{nil, refusal} {
		f, gate, last := following(t)
		var told []int
		f.onReady = func(pid int) error {
			told = append(told, pid)
			if gate.Len() > 0 {
				t.Error("the gate is open")
			}
			return want
		}
		err := followed(t, f, piped(t, message{Kind: messageForked, Value: uint32(last)}, message{Kind: messageReady}))
		if !errors.Is(err, want) || !slices.Equal(told, []int{last}) {
			t.Errorf("%v, told %v; want %v, %d", err, told, want, last)
		}
		if open := gate.Len() > 0; open != (want == nil) || f.settled != open {
			t.Errorf("with %v: the gate is open: %t, settled: %t", want, open, f.settled)
		}
	}
}

func TestReadyIsNotToldOfAProcessInAnotherNamespace(t *testing.T) {
	f, _, last := following(t)
	f.plan.Namespaces[0].ID.Ino++
	f.onReady = func(int) error { t.Error("it is told"); return nil }
	err := followed(t, f, piped(t, message{Kind: messageForked, Value: uint32(last)}, message{Kind: messageReady}))
	if err == nil {
		t.Error("no error")
	}
}

// followed follows to the end, which must not wait for a process that runs.
func followed(t *testing.T, f *follower, status io.Reader) error {
	t.Helper()
	done := make(chan error, 1)
	go func() { done <- f.follow(status) }()
	select {
	case err := <-done:
		return err
	case <-time.After(20 * time.Second):
		t.Fatal("it waits for the last process")
		return nil
	}
}

// piped is a status pipe with messages, and closed as an exec closes it.
func piped(t *testing.T, messages ...message) io.Reader {
	t.Helper()
	r, w, err := pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	defer w.Close()
	if r.Fd() < abovePlain || w.Fd() < abovePlain {
		t.Errorf("the pipe has the numbers %d and %d, where the streams are put", r.Fd(), w.Fd())
	}
	if _, err := w.Write(wire(t, messages...)); err != nil {
		t.Fatal(err)
	}
	return r
}

// ended is a child that ended with a status that nobody has waited for.
func ended(t *testing.T, status int) int {
	t.Helper()
	pid, err := syscall.ForkExec("/bin/sh", []string{"sh", "-c", fmt.Sprint("exit ", status)}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = unix.Wait4(pid, nil, unix.WNOHANG, nil) })
	if err := unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil); err != nil {
		t.Fatal(err)
	}
	return pid
}

// waiting is a child that runs until the test ends.
func waiting(t *testing.T) int {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	pid, err := syscall.ForkExec("/bin/cat", []string{"cat"}, &syscall.ProcAttr{Files: []uintptr{r.Fd(), 1, 2}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		w.Close()
		_, _ = (&Child{PID: pid}).Wait()
	})
	return pid
}
