//go:build linux

package main

import (
	"os/exec"
	"strings"

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

// unescape replaces ^A, ^C, ^D, ^K, ^P, ^Q and ^I by control characters.
func unescape(text string) string {
	return strings.NewReplacer("^I", "\t", "^C\r", "\x03", "^C", "\x03", "^D", "\x04", "^P", "\x10", "^Q", "\x11", "^A", "\x01", "^K", "\x0b").Replace(text)
}

// environmentOf returns the script's environment for a command that the test starts itself.
func environmentOf(ts *testscript.TestScript) []string {
	var env []string
	for _, name := range []string{"PATH", "HOME", "USER", "TERM", "XDG_RUNTIME_DIR", "DOCKER_HOST", "DOCKER_CONFIG", "CONTAINER", "AUDIT"} {
		env = append(env, name+"="+ts.Getenv(name))
	}
	for _, name := range tlsVariables {
		if value := ts.Getenv(name); value != "" {
			env = append(env, name+"="+value)
		}
	}
	return env
}
