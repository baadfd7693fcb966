//go:build linux

package session

import (
	"io"
	"os"
	"testing"
	"time"
)

// keyboardTest types at one end of an input, whose other end is the command's.
type keyboardTest struct {
	keyboard, command *os.File
	gone, detach      *event
	done              chan struct{} // closed when passKeys returns
}

func newKeyboardTest(t *testing.T, detachKeys string) *keyboardTest {
	t.Helper()
	from, keyboard := pipe(t)
	command, to := pipe(t)
	y := &keyboardTest{keyboard: keyboard, command: command, gone: newEvent(), detach: newEvent(), done: make(chan struct{})}
	r := newTestInput(from, to)
	go func() {
		r.passKeys(&keys{sequence: []byte(detachKeys)}, y.gone, y.detach)
		close(y.done)
	}()
	return y
}

func (y *keyboardTest) write(t *testing.T, text string) {
	t.Helper()
	if _, err := y.keyboard.WriteString(text); err != nil {
		t.Fatal(err)
	}
}

func (y *keyboardTest) expect(t *testing.T, want string) {
	t.Helper()
	if err := y.command.SetReadDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, len(want))
	if n, err := io.ReadFull(y.command, got); err != nil || string(got) != want {
		t.Errorf("the command reads %q, %v; want %q", got[:n], err, want)
	}
}

// waitDone waits until passKeys returns, and checks which events have fired.
func (y *keyboardTest) waitDone(t *testing.T, gone, left bool) {
	t.Helper()
	select {
	case <-y.done:
	case <-time.After(30 * time.Second):
		t.Fatal("passKeys does not return")
	}
	if y.gone.hasFired() != gone || y.detach.hasFired() != left {
		t.Errorf("gone %t, detach %t; want %t, %t", y.gone.hasFired(), y.detach.hasFired(), gone, left)
	}
}

func TestTypedKeysReachTheCommand(t *testing.T) {
	for _, want := range []string{"", "\x10\x11"} {
		y := newKeyboardTest(t, want)
		for _, text := range []string{"a", "ls -l\r", "\x11\x1b[A", "größe"} {
			y.write(t, text)
			y.expect(t, text)
		}
		y.keyboard.Close() // as when the terminal hangs up
		y.waitDone(t, true, false)
	}
}

func TestDetachKeysDetach(t *testing.T) {
	y := newKeyboardTest(t, "\x10\x11")
	y.write(t, "ab\x10")
	y.expect(t, "ab")
	y.write(t, "\x10\x11and more")
	y.expect(t, "\x10") // not followed by the second key
	y.waitDone(t, false, true)
	if err := y.command.SetReadDeadline(time.Now()); err != nil {
		t.Fatal(err)
	}
	if n, err := y.command.Read(make([]byte, 1)); n > 0 {
		t.Errorf("the command reads what follows the detach keys, %v", err)
	}
}

// A ctrl-p alone, as for a shell's history, reaches the command.
func TestDetachKeysPrefixIsPassedOnAfterTimeout(t *testing.T) {
	y := newKeyboardTest(t, "\x10\x11")
	y.write(t, "\x10")
	y.expect(t, "\x10")
	y.write(t, "\x11a") // not a part of the detach keys any more
	y.expect(t, "\x11a")
	y.keyboard.Close()
	y.waitDone(t, true, false)
}

func TestPassKeysEndsWhenCommandsTerminalIsClosed(t *testing.T) {
	y := newKeyboardTest(t, "")
	y.command.Close()
	y.write(t, "a")
	y.waitDone(t, false, false)
}

func TestEventFiresOnce(t *testing.T) {
	o := newEvent()
	if o.hasFired() {
		t.Error("a new event has fired")
	}
	o.fire()
	o.fire()
	if !o.hasFired() {
		t.Error("the event has not fired")
	}
}
