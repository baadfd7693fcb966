//go:build unix

// Package tmuxtest runs programs in terminals of tmux, for tests of what a user sees there.
package tmuxtest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// Pane is a terminal of tmux, of 80 columns and 24 lines, in which a program runs. No terminfo is needed in it.
type Pane struct {
	t      *testing.T
	socket string
}

// Start starts a command line of the machine's shell in a pane, in a directory, with the terminal's name as TERM and with
// variables. At its end, it prints "status" and its exit status. The test is skipped if the machine has no tmux.
func Start(t *testing.T, dir, terminal, line string, variables ...string) *Pane {
	t.Helper()
	if _, err := exec.LookPath("tmux"); err != nil {
		t.Skip("tmux is not installed")
	}
	sockets, err := os.MkdirTemp("", "tmux") //nolint:usetesting // the path of a socket has to be short
	if err != nil {
		t.Fatal(err)
	}
	p := &Pane{t, filepath.Join(sockets, "s")}
	held := filepath.Join(sockets, "held") // while this process lives
	if err := unix.Mkfifo(held, 0o600); err != nil {
		t.Fatal(err)
	}
	lease, err := os.OpenFile(held, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = exec.Command("tmux", "-S", p.socket, "kill-server").Run()
		lease.Close()
		_ = os.RemoveAll(sockets)
	})
	config := filepath.Join(sockets, "config")
	text := "set -g default-terminal " + terminal + "\nset -g status off\n"
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	script := "trap : INT; " + line + "; echo \"status $?\"; exec sleep 1000"
	args := []string{
		"-S", p.socket, "-f", config, "-u", "new-session", "-d", "-x", "80", "-y", "24", "-c", dir, "env", "-i",
		"TERM=" + terminal, "LC_ALL=C.UTF-8", "HOME=/nonexistent", "LESSHISTFILE=-",
	}
	args = append(append(args, variables...), "/bin/sh", "-c", script)
	if out, err := exec.Command("tmux", args...).CombinedOutput(); err != nil {
		t.Fatalf("tmux: %v: %s", err, out)
	}
	p.Tmux("run-shell", "-b", fmt.Sprintf("cat %s; tmux -S %s kill-server; rm -r %s", held, p.socket, sockets))
	return p
}

// Tmux runs a command of tmux, and returns what it prints.
func (p *Pane) Tmux(args ...string) string {
	p.t.Helper()
	out, err := exec.Command("tmux", append([]string{"-S", p.socket}, args...)...).CombinedOutput()
	if err != nil {
		p.t.Fatalf("tmux %v: %v: %s", args, err, out)
	}
	return string(out)
}

// Screen returns what the pane shows.
func (p *Pane) Screen() string { return strings.TrimRight(p.Tmux("capture-pane", "-p"), "\n") }

// Types sends keys: names of tmux in angle brackets, and all else as it is.
func (p *Pane) Types(keys string) {
	p.t.Helper()
	for _, part := range regexp.MustCompile(`<[A-Za-z0-9^/\\_-]+>|[^<]+|<`).FindAllString(keys, -1) {
		if len(part) > 2 && part[0] == '<' {
			p.Tmux("send-keys", strings.Trim(part, "<>"))
		} else {
			p.Tmux("send-keys", "-l", "--", part)
		}
	}
}

// Shows waits until the screen shows a pattern.
func (p *Pane) Shows(pattern string) {
	p.t.Helper()
	re := regexp.MustCompile(pattern)
	for deadline := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		screen := p.Screen()
		if re.MatchString(screen) {
			return
		}
		if time.Now().After(deadline) {
			p.t.Fatalf("%q is not shown:\n%s", pattern, screen)
		}
	}
}

// ShowsAs waits until the screen shows a pattern, and is the same as another pane's.
func (p *Pane) ShowsAs(other *Pane, pattern string) {
	p.t.Helper()
	re := regexp.MustCompile(pattern)
	visible := func(p *Pane) string { return regexp.MustCompile(`(?m) +$`).ReplaceAllString(p.Screen(), "") }
	for deadline := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		screen, want := visible(p), visible(other)
		if screen == want && re.MatchString(screen) {
			return
		}
		if time.Now().After(deadline) {
			p.t.Fatalf("%q is not shown, or not as by the other:\n%s\nthe other:\n%s", pattern, screen, want)
		}
	}
}

// patience is how long a program may take to show what is expected.
const patience = time.Minute
