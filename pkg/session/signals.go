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
)

// signals are those that the command gets of ours.
type signals struct {
	caught  chan os.Signal
	fatal   chan os.Signal // has one of those that are for the end, whoever sent it
	command *group         // set before told is called
	last    atomic.Int64   // when one came that is for the end, in nanoseconds
	passed  atomic.Uint64  // those that were passed on, a bit each
	mu      sync.Mutex
	over    bool // the command has ended, and its number may be another's
}

// catch begins to catch the signals. Those that come before pass is called wait.
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

// pass passes the signals on to the command from now on.
func (s *signals) pass(command *group) {
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
			// Where the command is in our own process group, the terminal sends
			// it what it sends us.
			if command.leads || !terminalSends(sig) || !foreground() {
				s.give(sig)
			}
		}
	}()
}

// again is given the next signal that is for the end, not one that came before: the command
// got that.
func (s *signals) again() <-chan os.Signal {
	select {
	case <-s.fatal:
	default:
	}
	return s.fatal
}

// patience is how long what reads the output is waited for once the command has ended: no longer
// than grace where a signal to end was passed on, since the Docker CLI tells no second one. Else
// it is 0, which is no limit.
func (s *signals) patience() time.Duration {
	if slices.ContainsFunc(ends(), func(sig unix.Signal) bool { return s.passed.Load()&(1<<sig) != 0 }) {
		return grace
	}
	return 0
}

// stop lets the signals have their default actions again. None is given to the command any more.
func (s *signals) stop() {
	s.mu.Lock()
	s.over = true
	s.mu.Unlock()
	signal.Stop(s.caught)
	signal.Stop(s.fatal)
	close(s.caught)
}

// isFatal tells whether a signal is for the end.
func isFatal(sig unix.Signal) bool { return slices.Contains(ends(), sig) }

// told passes on what the Docker CLI tells its plugins, without a terminal, that
// it got SIGINT or SIGTERM. It doesn't say which, so it is SIGTERM, unless it was
// a ctrl-c that we got as well.
func (s *signals) told() {
	const moment = 100 * time.Millisecond
	if foreground() {
		time.Sleep(moment) // ours may be on its way
		if time.Since(time.Unix(0, s.last.Load())) < time.Second {
			return
		}
	}
	s.give(unix.SIGTERM)
}

func (s *signals) give(sig unix.Signal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over {
		return
	}
	s.passed.Or(1 << sig)
	if isFatal(sig) {
		select {
		case s.fatal <- sig: // before the command can end by it
		default:
		}
	}
	s.command.pass(sig)
}

// ended tells whether the command's exit status says that it ended by a signal
// that was passed on.
func (s *signals) ended(status int) bool {
	sig := status - exit.Signalled(0)
	return sig > 0 && s.passed.Load()&(1<<sig) != 0
}

// pass gives a signal to the command, a child of ours, and one of those that keys of a terminal
// send to all of the command's process group, as these do.
func (g *group) pass(sig unix.Signal) {
	g.mu.Lock()
	defer g.mu.Unlock()
	byKey := sig == unix.SIGINT || sig == unix.SIGQUIT || sig == unix.SIGTSTP || sig == unix.SIGCONT
	switch {
	case g.ended():
		return
	case !g.leads || !byKey:
		_ = unix.PidfdSendSignal(int(g.pidfd.Fd()), sig, nil, 0)
	default:
		_ = unix.Kill(-g.pid, sig) // which nobody has waited for
	}
	switch {
	case !g.leads: // its group is the caller's
	case sig == unix.SIGTSTP:
		// The parent of a session's leader is in another session; SIGTSTP doesn't stop
		// a group of which nobody could let it go on, setpgid(2).
		g.signalThose(unix.SIGSTOP, func(st procfs.Stat) bool { return st.DefaultAction(sig) })
	case isFatal(sig):
		// A process that was stopped would not receive it. Where the main thread has ended
		// the state doesn't tell whether the others are stopped.
		g.signalThose(unix.SIGCONT, func(st procfs.Stat) bool { return st.State == 'T' || st.MainEnded() })
	}
}

// signalThose gives a signal to those of the command's process group that are so.
func (g *group) signalThose(sig unix.Signal, are func(procfs.Stat) bool) {
	g.members(func(fd int, st procfs.Stat) {
		if st.Group == g.pid && are(st) {
			_ = unix.PidfdSendSignal(fd, sig, nil, 0)
		}
	})
}

// terminalSends tells whether a terminal sends the signal to the group in its
// foreground.
func terminalSends(sig unix.Signal) bool {
	switch sig {
	case unix.SIGINT, unix.SIGQUIT, unix.SIGTSTP, unix.SIGWINCH:
		return true
	}
	return false
}

// foreground tells whether our process group is that of our terminal.
func foreground() bool {
	tty, err := os.Open("/dev/tty")
	if err != nil {
		return false
	}
	defer tty.Close()
	group, err := unix.IoctlGetUint32(int(tty.Fd()), unix.TIOCGPGRP)
	return err == nil && int(group) == unix.Getpgrp()
}
