//go:build linux

package session

import (
	"io"
	"os"
	"testing"
	"time"
)

// typist types at one end of a relay, whose other end is the command's.
type typist struct {
	keyboard, command *os.File
	gone, left        *once
	done              chan struct{} // closed when the relay ends
}

func typing(t *testing.T, keysWanted string) *typist {
	t.Helper()
	from, keyboard := pipe(t)
	command, to := pipe(t)
	y := &typist{keyboard: keyboard, command: command, gone: newOnce(), left: newOnce(), done: make(chan struct{})}
	r := inputOf(from, to)
	go func() {
		r.passKeys(&keys{want: []byte(keysWanted)}, y.gone, y.left)
		close(y.done)
	}()
	return y
}

func (y *typist) types(t *testing.T, text string) {
	t.Helper()
	if _, err := y.keyboard.WriteString(text); err != nil {
		t.Fatal(err)
	}
}

func (y *typist) reads(t *testing.T, want string) {
	t.Helper()
	if err := y.command.SetReadDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, len(want))
	if n, err := io.ReadFull(y.command, got); err != nil || string(got) != want {
		t.Errorf("the command reads %q, %v; want %q", got[:n], err, want)
	}
}

// ends waits for the relay's end, and tells which of the two was given.
func (y *typist) ends(t *testing.T, gone, left bool) {
	t.Helper()
	select {
	case <-y.done:
	case <-time.After(30 * time.Second):
		t.Fatal("the relay goes on")
	}
	if happened(y.gone) != gone || happened(y.left) != left {
		t.Errorf("gone %t, left %t; want %t, %t", happened(y.gone), happened(y.left), gone, left)
	}
}

func happened(o *once) bool {
	select {
	case <-o.given:
		return true
	default:
		return false
	}
}

func TestWhatIsTypedReachesTheCommand(t *testing.T) {
	for _, want := range []string{"", "\x10\x11"} {
		y := typing(t, want)
		for _, text := range []string{"a", "ls -l\r", "\x11\x1b[A", "größe"} {
			y.types(t, text)
			y.reads(t, text)
		}
		y.keyboard.Close() // the caller's terminal is gone
		y.ends(t, true, false)
	}
}

func TestDetachKeysLeaveTheCommand(t *testing.T) {
	y := typing(t, "\x10\x11")
	y.types(t, "ab\x10")
	y.reads(t, "ab")
	y.types(t, "\x10\x11and more")
	y.reads(t, "\x10") // which began nothing
	y.ends(t, false, true)
	if err := y.command.SetReadDeadline(time.Now()); err != nil {
		t.Fatal(err)
	}
	if n, err := y.command.Read(make([]byte, 1)); n > 0 {
		t.Errorf("the command reads what followed, %v", err)
	}
}

// Whoever wants ctrl-p alone, as a shell's history does, gets it in the end.
func TestBeginningOfTheDetachKeysIsNotHeldForEver(t *testing.T) {
	y := typing(t, "\x10\x11")
	y.types(t, "\x10")
	y.reads(t, "\x10")
	y.types(t, "\x11a") // no more the end of the keys
	y.reads(t, "\x11a")
	y.keyboard.Close()
	y.ends(t, true, false)
}

func TestTypingEndsWithTheCommandsTerminal(t *testing.T) {
	y := typing(t, "")
	y.command.Close()
	y.types(t, "a")
	y.ends(t, false, false)
}

func TestOnceHappensOnce(t *testing.T) {
	o := newOnce()
	if happened(o) {
		t.Error("it happened already")
	}
	o.give()
	o.give()
	if !happened(o) {
		t.Error("it never happens")
	}
}
