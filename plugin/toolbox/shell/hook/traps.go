package hook

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
)

// Traps are those of the shell for signals.
var Traps = &Table{commands: make(map[syscall.Signal]string), arrived: make(chan struct{})}

// Table has what the shell does when a signal arrives: trap COMMAND SIGNAL. Its methods may be called at the same time.
type Table struct {
	mu       sync.Mutex
	commands map[syscall.Signal]string
	pending  []syscall.Signal
	arrived  chan struct{} // closed while a signal is pending
	signals  chan os.Signal
	exit     bool                 // there is a trap of EXIT
	fatal    func(syscall.Signal) // ends the shell, with that trap
	wake     func()
}

// errNested says that a subshell is no process of its own, whose signals it could catch.
var errNested = errors.New("signals are not caught in a subshell here")

// SetFatal sets what is called when a signal ends a shell that has a trap of EXIT, and what is called when one with a trap has
// arrived.
func (t *Table) SetFatal(fatal func(syscall.Signal), wake func()) { t.fatal, t.wake = fatal, wake }

// SetExit notes whether there is a trap of EXIT, which runs also if a signal ends the shell.
func (t *Table) SetExit(there bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.exit == there || t.fatal == nil {
		return
	}
	t.exit = there
	for _, s := range fatal {
		if there && !signal.Ignored(s) {
			t.take(s)
		} else if _, ok := t.commands[s]; !ok && !there {
			signal.Reset(s)
		}
	}
}

// fatal are the signals that end a shell after the trap of EXIT.
var fatal = []syscall.Signal{unix.SIGHUP, unix.SIGINT, unix.SIGTERM}

// take has a signal delivered to the table, which is locked.
func (t *Table) take(s syscall.Signal) {
	if t.signals == nil {
		t.signals = make(chan os.Signal, 64)
		go t.receive(t.signals)
	}
	signal.Notify(t.signals, s)
}

func (t *Table) receive(signals <-chan os.Signal) {
	for one := range signals {
		s, ok := one.(syscall.Signal)
		if !ok {
			continue
		}
		t.mu.Lock()
		_, trapped := t.commands[s]
		if trapped && !slices.Contains(t.pending, s) {
			if t.pending = append(t.pending, s); len(t.pending) == 1 {
				close(t.arrived)
			}
		}
		ends := !trapped && t.exit
		t.mu.Unlock()
		switch {
		case ends:
			t.fatal(s)
		case t.wake != nil:
			t.wake()
		}
	}
}

// Set sets what happens when a signal arrives: a command, nothing if it is empty, or the default for "-". nested says that
// a subshell asks for it.
func (t *Table) Set(name, command string, nested bool) error {
	s, err := tool.Signal(name)
	if err != nil || s == 0 {
		return fmt.Errorf("%s: invalid signal specification", tool.Printable(name))
	}
	if nested {
		return errNested
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	_, was := t.commands[s]
	switch {
	case s == unix.SIGKILL || s == unix.SIGSTOP:
		return nil // as in bash, without an effect
	case signal.Ignored(s) && !was && s != unix.SIGQUIT: // as in all shells, it stays ignored if it was so at the start
		return nil
	case command == "-":
		delete(t.commands, s)
		if signal.Reset(s); s == unix.SIGQUIT || s == unix.SIGTSTP || s == unix.SIGTTIN || s == unix.SIGTTOU {
			tool.DefaultAction(s)
		}
		if t.exit && slices.Contains(fatal, s) {
			t.take(s)
		}
	case command == "":
		t.commands[s] = ""
		signal.Ignore(s)
	default:
		t.commands[s] = command
		t.take(s)
	}
	return nil
}

// Next returns the command for a signal that has arrived.
func (t *Table) Next() (command, name string, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.pending) == 0 {
		return "", "", false
	}
	s := t.pending[0]
	if t.pending = t.pending[1:]; len(t.pending) == 0 {
		t.arrived = make(chan struct{})
	}
	return t.commands[s], unix.SignalName(s), true
}

// Has reports whether a signal runs a command, or the trap of EXIT.
func (t *Table) Has(s syscall.Signal) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.commands[s] != "" || t.exit && slices.Contains(fatal, s)
}

// Arrived returns a channel that is closed when a signal with a trap has arrived.
func (t *Table) Arrived() <-chan struct{} {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.arrived
}

// Waits reports whether a signal with a trap has arrived, for which Next returns a command.
func (t *Table) Waits() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.pending) > 0
}

// Status returns the status of wait for the signal that has arrived.
func (t *Table) Status() uint8 {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.pending) == 0 {
		return 128
	}
	return 128 + uint8(t.pending[0])
}

// Print prints the traps of the named signals, or of all, as commands that set them.
func (t *Table) Print(out io.Writer, names []string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	var list []syscall.Signal
	for s := range t.commands {
		list = append(list, s)
	}
	slices.Sort(list)
	for _, s := range list {
		name := unix.SignalName(s)
		if len(names) == 0 || slices.ContainsFunc(names, func(one string) bool { other, _ := tool.Signal(one); return other == s }) {
			fmt.Fprintf(out, "trap -- %s %s\n", Quoted(t.commands[s]), name)
		}
	}
}

// Quoted returns a text in single quotes.
func Quoted(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }

// Uncanceled returns a context for the trap of EXIT, which runs also if what was before it has been ended.
func Uncanceled(ctx context.Context) context.Context { return context.WithoutCancel(ctx) }
