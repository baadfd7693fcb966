//go:build linux

package main

import (
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"
)

// tty is a terminal at which a test types, and the command that runs there.
type tty struct {
	t      *testing.T
	ours   *os.File // the end of a terminal emulator
	theirs *os.File // the command's end, kept open so that the terminal stays
	screen *screen
	cmd    *exec.Cmd
	exited chan int
	from   int // where the text that marked returns begins
}

// at starts the command at a new terminal of 33 lines and 111 columns.
func at(t *testing.T, cmd *exec.Cmd) *tty {
	t.Helper()
	y := newTTY(t)
	y.start(cmd)
	return y
}

func newTTY(t *testing.T) *tty {
	t.Helper()
	ours, theirs, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer ours.Close()
	// Close interrupts a read only on a non-blocking descriptor.
	fd, err := unix.FcntlInt(ours.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.SetNonblock(fd, true); err != nil {
		t.Fatal(err)
	}
	y := &tty{t: t, ours: os.NewFile(uintptr(fd), "ptmx"), theirs: theirs, screen: &screen{}}
	t.Cleanup(y.close)
	y.resize(33, 111)
	return y
}

func (y *tty) start(cmd *exec.Cmd) {
	y.t.Helper()
	cmd.Stdin, cmd.Stdout, cmd.Stderr = y.theirs, y.theirs, y.theirs
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		y.t.Fatal(err)
	}
	y.cmd, y.exited = cmd, make(chan int, 1)
	go y.screen.follow(y.ours.Read)
	y.t.Cleanup(func() { _ = cmd.Process.Kill() })
	go func() {
		_ = cmd.Wait()
		status := cmd.ProcessState.ExitCode()
		if ws, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
			status = 128 + int(ws.Signal())
		}
		y.exited <- status
	}()
}

// close closes both ends, as when a terminal emulator is closed.
func (y *tty) close() {
	_ = y.ours.Close()
	_ = y.theirs.Close()
}

// hangUp closes our end only, so that the settings can still be read.
func (y *tty) hangUp() { _ = y.ours.Close() }

// types types text, including control characters.
func (y *tty) types(text string) {
	y.t.Helper()
	if _, err := y.ours.WriteString(text); err != nil {
		y.t.Fatalf("type %.40q: %v", text, err)
	}
}

// shows waits for the texts, in this order.
func (y *tty) shows(texts ...string) {
	y.t.Helper()
	for _, text := range texts {
		if !y.screen.shows(text) {
			y.t.Fatalf("%s: the terminal does not show %q:\n%q", strings.Join(y.cmd.Args, " "), text, y.screen.text())
		}
	}
}

// mark makes marked return only what is shown from now on.
func (y *tty) mark() { y.from = len(y.screen.text()) }

func (y *tty) marked() string { return y.screen.text()[y.from:] }

// drained waits until all that was written is shown, after the end of all that writes.
func (y *tty) drained() {
	y.t.Helper()
	_ = y.theirs.Close()
	eventually(y.t, "the terminal has ended", y.screen.ended)
}

// quiet waits until nothing has been shown for a while.
func (y *tty) quiet(while time.Duration) {
	y.t.Helper()
	before, since := -1, time.Now()
	for deadline := time.Now().Add(endsWithin); time.Since(since) < while; time.Sleep(while / 50) {
		if now := len(y.screen.text()); now != before {
			before, since = now, time.Now()
		}
		if time.Now().After(deadline) {
			y.t.Fatalf("the output does not stop:\n%.2000s", y.screen.text())
		}
	}
}

func (y *tty) resize(rows, columns uint16) {
	y.t.Helper()
	if err := pty.Setsize(y.theirs, &pty.Winsize{Rows: rows, Cols: columns}); err != nil {
		y.t.Fatal(err)
	}
}

// settings returns the terminal's settings.
func (y *tty) settings() unix.Termios {
	y.t.Helper()
	settings, err := unix.IoctlGetTermios(int(y.theirs.Fd()), unix.TCGETS)
	if err != nil {
		y.t.Fatal(err)
	}
	return *settings
}

// ends waits for the command's end and returns its exit status.
func (y *tty) ends() int {
	y.t.Helper()
	select {
	case status := <-y.exited:
		return status
	case <-time.After(endsWithin):
		_ = y.cmd.Process.Kill()
		y.t.Fatalf("%s does not end:\n%s", strings.Join(y.cmd.Args, " "), y.screen.text())
	}
	return -1
}

func runAtTerminal(cmd *exec.Cmd) (string, error) {
	tty, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: 33, Cols: 111})
	if err != nil {
		return "", err
	}
	defer tty.Close()
	text, _ := io.ReadAll(tty) // it ends with EIO
	return string(text), cmd.Wait()
}

// screen collects what a terminal shows.
type screen struct {
	mu   sync.Mutex
	seen strings.Builder
	at   int // shows searches from here
	done bool
}

func (s *screen) follow(read func([]byte) (int, error)) {
	buf := make([]byte, 4096)
	for {
		n, err := read(buf)
		s.mu.Lock()
		s.seen.Write(buf[:n])
		s.done = err != nil
		s.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// shows waits for text after the text that it found last, and reports whether it appeared.
func (s *screen) shows(text string) bool {
	for deadline := time.Now().Add(scriptWithin); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		s.mu.Lock()
		i := strings.Index(s.seen.String()[s.at:], text)
		done := s.done
		if i >= 0 {
			s.at += i + len(text)
		}
		s.mu.Unlock()
		if i >= 0 || done {
			return i >= 0
		}
	}
	return false
}

func (s *screen) ended() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.done
}

func (s *screen) text() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.seen.String()
}
