package procs

import (
	"fmt"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/screen"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
)

const topKeys = `
Help for interactive commands

  P M T N   Sort by processor time, memory, time, or number
  R         Reverse the order
  c         Whole command lines
  1         A line for each processor
  i         Hide processes that have done nothing
  u         Processes of one user
  n #       How many processes are shown
  k         Send a signal to a process
  r         Change a process's priority (nice)
  d s       Seconds between looks
  space     Look now
  arrows, PgUp, PgDn, Home, End scroll
  h ?       This help
  q         Quit

Press any key to go on
`

// key handles a key, and returns false for the one that ends.
func (t *top) key(key screen.Key) bool {
	if t.help {
		t.help = false
		return key != screen.Interrupt && key != screen.Ended
	}
	t.message = ""
	switch key {
	case 'q', screen.Interrupt, screen.Ended:
		return false
	case 'P', 'M', 'T', 'N':
		t.order, t.skip = byte(key), 0
	case 'R':
		t.reverse = !t.reverse
	case 'c':
		t.full = !t.full
	case '1':
		t.each = !t.each
	case 'i':
		t.active = !t.active
	case 'h', '?':
		t.help = true
	case ' ', '\r', '\n':
		t.look()
	default:
		if !t.scrolls(key) && !t.asks(key) {
			t.message = "Unknown command - try 'h' for help"
		}
	}
	t.sort()
	return true
}

// scrolls moves the processes on the screen.
func (t *top) scrolls(key screen.Key) bool {
	page := max(1, t.scr.Rows-8)
	switch key {
	case screen.Up:
		t.skip--
	case screen.Down:
		t.skip++
	case screen.PageUp:
		t.skip -= page
	case screen.PageDown:
		t.skip += page
	case screen.Home:
		t.skip = 0
	case screen.End:
		t.skip = len(t.list)
	case screen.Left, screen.Right, screen.Unknown:
	default:
		return false
	}
	t.skip = max(0, min(t.skip, len(t.list)-1))
	return true
}

// asks handles the keys that ask for something.
func (t *top) asks(key screen.Key) bool {
	switch key {
	case 'k':
		t.kill()
	case 'r':
		t.renice()
	case 'd', 's':
		text, ok := t.line(fmt.Sprintf("Change delay from %.1f to ", t.delay.Seconds()))
		if seconds, err := strconv.ParseFloat(text, 64); ok && err == nil && seconds >= 0 && seconds < 1e6 {
			t.delay = max(time.Duration(seconds*float64(time.Second)), 100*time.Millisecond)
		} else if ok && text != "" {
			t.message = "Unacceptable floating point"
		}
	case 'u', 'U':
		if text, ok := t.line("Which user (blank for all) "); ok {
			if err := t.choose(text); err != nil {
				t.message = "Invalid user"
			}
			t.look()
		}
	case 'n', '#':
		text, ok := t.line(fmt.Sprintf("Maximum tasks = %d, change to (0 is unlimited) ", t.most))
		if n, err := strconv.Atoi(text); ok && err == nil && n >= 0 {
			t.most = n
		} else if ok && text != "" {
			t.message = "Unacceptable integer"
		}
	default:
		return false
	}
	return true
}

// process asks for a process, by default the first one that is shown.
func (t *top) process(what string) (int, bool) {
	first := 0
	if list := t.list[min(t.skip, len(t.list)):]; len(list) > 0 {
		first = list[0].pid
	}
	text, ok := t.line(fmt.Sprintf("PID to %s [default pid = %d] ", what, first))
	if !ok {
		return 0, false
	}
	if text == "" {
		return first, first > 0
	}
	pid, err := strconv.Atoi(text)
	if err != nil || pid <= 0 {
		t.message = "Unacceptable integer"
		return 0, false
	}
	return pid, true
}

// kill sends a signal to a process.
func (t *top) kill() {
	pid, ok := t.process("signal/kill")
	if !ok {
		return
	}
	text, ok := t.line(fmt.Sprintf("Send pid %d signal [15/sigterm] ", pid))
	if !ok {
		return
	}
	signal := unix.SIGTERM
	if text != "" {
		var err error
		if signal, err = tool.Signal(text); err != nil || signal == 0 {
			t.message = "Invalid signal"
			return
		}
	}
	if err := unix.Kill(pid, signal); err != nil {
		t.message = fmt.Sprintf("Failed signal pid '%d' with '%d': %v", pid, int(signal), err)
	}
	t.look()
}

// renice changes the priority of a process.
func (t *top) renice() {
	pid, ok := t.process("renice")
	if !ok {
		return
	}
	text, ok := t.line(fmt.Sprintf("Renice PID %d to value ", pid))
	if !ok || text == "" {
		return
	}
	nice, err := strconv.Atoi(text)
	if err == nil {
		err = unix.Setpriority(unix.PRIO_PROCESS, pid, nice)
	}
	if errno, ok := err.(syscall.Errno); ok { //nolint:errorlint // of a system call
		t.message = fmt.Sprintf("Failed renice of PID %d to %d: %v", pid, nice, errno)
	} else if err != nil {
		t.message = "Unacceptable integer"
	}
	t.look()
}

// line asks for a text between the summary and the processes. It returns false if it was given up.
func (t *top) line(question string) (string, bool) {
	text := ""
	for {
		t.draw(question + text)
		switch key := t.scr.Next(0, nil); {
		case key == screen.Ended:
			_ = unix.Kill(unix.Getpid(), unix.SIGHUP) // comes again as a key
			return "", false
		case key == screen.Escape || key == screen.Interrupt:
			return "", false
		case key == '\r' || key == '\n':
			return strings.TrimSpace(text), true
		case key == screen.Backspace || key == screen.Control('H'):
			if runes := []rune(text); len(runes) > 0 {
				text = string(runes[:len(runes)-1])
			}
		case key == screen.Control('U'):
			text = ""
		case key >= ' ' && key < screen.Meta:
			text += string(rune(key))
		}
	}
}
