//go:build linux

package session

import (
	"os"
	"os/signal"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/exit"
	"github.com/nsjoin/docker-nsjoin/pkg/procfs"
	"github.com/nsjoin/docker-nsjoin/pkg/stdio"
)

// signals forwards signals that the helper gets to the command.
type signals struct {
	caught    chan os.Signal
	fatal     chan os.Signal // receives the terminating signals, whatever sent them
	command   *group         // set before forwardFromCLI is called
	last      atomic.Int64   // when the last terminating signal came, in nanoseconds
	forwarded atomic.Uint64  // one bit for each signal that was forwarded
	mu        sync.Mutex
	stopped   bool // the command has ended, and its pid may be reused
}

// catch begins to catch signals. Those that come before forwardTo is called are kept.
func catch() *signals {
	s := &signals{caught: make(chan os.Signal, 64), fatal: make(chan os.Signal, 1)}
	for _, sig := range []unix.Signal{
		unix.SIGHUP, unix.SIGINT, unix.SIGQUIT, unix.SIGTERM, unix.SIGUSR1, unix.SIGUSR2,
		unix.SIGWINCH, unix.SIGTSTP, unix.SIGCONT,
	} {
		if !ignored(sig) {
			signal.Notify(s.caught, sig)
			if isFatal(sig) {
				signal.Notify(s.fatal, sig)
			}
		}
	}
	return s
}

// forwardTo forwards signals to the command from now on.
func (s *signals) forwardTo(command *group) {
	s.command = command
	go func() {
		for caught := range s.caught {
			sig, ok := caught.(unix.Signal)
			if !ok {
				continue
			}
			if isFatal(sig) {
				s.last.Store(time.Now().UnixNano())
			}
			// If the command is in the helper's process group, the terminal sends it the signals of
			// keys itself.
			if command.leads || !terminalSends(sig) || !foreground() {
				s.forward(sig)
			}
		}
	}()
}

// nextFatal returns a channel that receives the next terminating signal. It drops an earlier one, which the
// command has already received.
func (s *signals) nextFatal() <-chan os.Signal {
	select {
	case <-s.fatal:
	default:
	}
	return s.fatal
}

// outputTimeout returns how long to wait, once the command has ended, for the reader of its output: grace
// if a terminating signal was forwarded, since the Docker CLI reports no second one, else 0, no limit.
func (s *signals) outputTimeout() time.Duration {
	if slices.ContainsFunc(fatalSignals(), func(sig unix.Signal) bool { return s.forwarded.Load()&(1<<sig) != 0 }) {
		return grace
	}
	return 0
}

// stop resets the signals to their default actions. No signal is forwarded afterwards.
func (s *signals) stop() {
	s.mu.Lock()
	s.stopped = true
	s.mu.Unlock()
	signal.Stop(s.caught)
	signal.Stop(s.fatal)
	close(s.caught)
}

// isFatal reports whether a signal is one of the terminating signals.
func isFatal(sig unix.Signal) bool { return slices.Contains(fatalSignals(), sig) }

// forwardFromCLI forwards the SIGINT or SIGTERM that the Docker CLI, without a terminal, reports to its
// plugins. It doesn't report which, so the command gets SIGTERM, unless it was a ctrl-c that
// the helper got as well.
func (s *signals) forwardFromCLI() {
	const moment = 100 * time.Millisecond
	if foreground() {
		time.Sleep(moment) // for the helper's own SIGINT
		if time.Since(time.Unix(0, s.last.Load())) < time.Second {
			return
		}
	}
	s.forward(unix.SIGTERM)
}

func (s *signals) forward(sig unix.Signal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		return
	}
	s.forwarded.Or(1 << sig)
	if isFatal(sig) {
		select {
		case s.fatal <- sig: // before the command can end because of it
		default:
		}
	}
	s.command.forward(sig)
}

// ended reports whether the command's exit status means that a forwarded signal ended it.
func (s *signals) ended(status int) bool {
	sig := status - exit.Signalled(0)
	return sig > 0 && s.forwarded.Load()&(1<<sig) != 0
}

// forward sends a signal to the command. If the command leads a session, a signal that keys of a
// terminal send goes to its whole process group.
func (g *group) forward(sig unix.Signal) {
	g.mu.Lock()
	defer g.mu.Unlock()
	byKey := sig == unix.SIGINT || sig == unix.SIGQUIT || sig == unix.SIGTSTP || sig == unix.SIGCONT
	switch {
	case g.ended():
		return
	case !g.leads || !byKey:
		_ = unix.PidfdSendSignal(int(g.pidfd.Fd()), sig, nil, 0)
	default:
		_ = unix.Kill(-g.pid, sig) // not reaped, so the number is still the command's
	}
	switch {
	case !g.leads: // the command is in the caller's process group
	case sig == unix.SIGTSTP:
		// The kernel ignores SIGTSTP for an orphaned process group, as that of a session's leader
		// is: nothing could continue it, setpgid(2).
		g.suspend(sig)
	case isFatal(sig):
		// A stopped process would not receive the signal. If the main thread has ended, the state
		// does not show whether the other threads are stopped.
		g.signalMatching(unix.SIGCONT, func(st procfs.Stat) bool { return st.State == 'T' || st.MainEnded() })
	}
}

// suspend stops the members of the command's process group for which sig has its default action. While one scan
// stops a process, another may fork, so scans are repeated until one finds all of them stopped; a process that sleeps
// uninterruptibly, or a group that forks for ever, ends that after maxScans.
func (g *group) suspend(sig unix.Signal) {
	const maxScans = 20
	for range maxScans {
		running := false
		g.signalMatching(unix.SIGSTOP, func(st procfs.Stat) bool {
			matches := st.DefaultAction(sig) && st.State != 'T'
			running = running || matches && !st.MainEnded()
			return matches
		})
		if !running {
			return
		}
		time.Sleep(time.Millisecond)
	}
}

// signalMatching sends a signal to the members of the command's process group that match.
func (g *group) signalMatching(sig unix.Signal, matches func(procfs.Stat) bool) {
	g.members(func(fd int, st procfs.Stat) {
		if st.Group == g.pid && matches(st) {
			_ = unix.PidfdSendSignal(fd, sig, nil, 0)
		}
	})
}

// terminalSends reports whether a terminal sends the signal to its foreground process group.
func terminalSends(sig unix.Signal) bool {
	switch sig {
	case unix.SIGINT, unix.SIGQUIT, unix.SIGTSTP, unix.SIGWINCH:
		return true
	}
	return false
}

// foreground reports whether the helper's process group is the foreground one of its terminal.
func foreground() bool {
	tty, err := os.Open("/dev/tty")
	if err != nil {
		return false
	}
	defer tty.Close()
	return stdio.InForeground(tty)
}
