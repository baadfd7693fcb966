//go:build linux

package main

import (
	"os/exec"
	"strings"
	"sync"
	"time"

	"github.com/creack/pty"
	"github.com/rogpeppe/go-internal/testscript"
)

// terminal runs a command at a terminal, and types and waits as a file says.
func terminal(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: terminal FILE COMMAND...")
	}
	cmd := exec.Command(args[1], args[2:]...)
	cmd.Env, cmd.Dir = environmentOf(ts), ts.MkAbs(".")
	tty, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: 33, Cols: 111})
	ts.Check(err)
	defer tty.Close()
	screen := &screen{}
	go screen.follow(tty.Read)
	stop := func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}
	for line := range strings.Lines(ts.ReadFile(args[0])) {
		text := strings.TrimSuffix(line[min(2, len(line)):], "\n")
		switch {
		case strings.HasPrefix(line, "> "):
			_, err := tty.WriteString(unescape(text) + "\r")
			ts.Check(err)
		case strings.HasPrefix(line, "< "):
			if !screen.shows(text) {
				stop()
				ts.Fatalf("the terminal does not show %q:\n%s", text, screen.text())
			}
		case strings.HasPrefix(line, "! "):
			beside := exec.Command("sh", "-c", text)
			beside.Env, beside.Dir = cmd.Env, cmd.Dir
			if out, err := beside.CombinedOutput(); err != nil {
				stop()
				ts.Fatalf("%s: %v\n%s", text, err, out)
			}
		}
	}
	status := statusOf(ts, cmd.Wait())
	ts.Logf("%s", screen.text())
	if status != 0 {
		ts.Fatalf("exit status %d at the terminal", status)
	}
}

// unescape replaces ^C, ^D, ^P, ^Q and ^I by control characters.
func unescape(text string) string {
	return strings.NewReplacer("^I", "\t", "^C\r", "\x03", "^C", "\x03", "^D", "\x04", "^P", "\x10", "^Q", "\x11").Replace(text)
}

// environmentOf returns the script's environment for a command that the test starts itself.
func environmentOf(ts *testscript.TestScript) []string {
	var env []string
	for _, name := range []string{"PATH", "HOME", "USER", "TERM", "DOCKER_HOST", "DOCKER_CONFIG", "CONTAINER", "AUDIT"} {
		env = append(env, name+"="+ts.Getenv(name))
	}
	for _, name := range tlsVariables {
		if value := ts.Getenv(name); value != "" {
			env = append(env, name+"="+value)
		}
	}
	return env
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

func (s *screen) text() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.seen.String()
}
