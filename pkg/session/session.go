//go:build linux

// Package session is the helper's side of a running command: its terminal and
// standard streams, the signals that are forwarded to it, and its end.
package session

import (
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/exit"
	"github.com/nsjoin/docker-nsjoin/pkg/plan"
	"github.com/nsjoin/docker-nsjoin/pkg/watchdog"
)

// Session holds the terminal, streams and signals of a command, before and while it runs.
type Session struct {
	streams         *streams
	pty             *os.File // the helper's end of the command's terminal; nil without one
	detachKeys      []byte
	leads           bool     // the command leads a session of its own
	target          string   // the container's name
	caller          *caller  // nil without a connection to the Docker CLI
	signals         *signals // nil for a detached command
	forkWatchdog    watchdog.Fork
	watchdog        *watchdog.Watchdog
	command         *group  // nil until Begin
	remote          *Remote // nil for a local caller
	detached        bool    // the user typed the detach keys
	raw             bool    // the caller's terminal is raw while the command runs
	stderr          io.Writer
	restoreTerminal func() // restores the caller's terminal
}

// Prepare makes the streams of the plan's command. root is the root directory that the command
// will have; the command's terminal and null device come from there. socket is the connection to the
// Docker CLI, or nil. remote is nil for a local caller.
func Prepare(p *plan.Plan, root *os.File, fork watchdog.Fork, socket *os.File, remote *Remote) (*Session, error) {
	s := &Session{
		leads: p.LeadsSession(), target: p.Target, forkWatchdog: fork, remote: remote, stderr: remote.writer(2), restoreTerminal: func() {},
	}
	if socket != nil && !p.Detach {
		var err error
		if s.caller, err = callerOf(socket); err != nil {
			return nil, err
		}
	}
	if err := s.makeStreams(p, root); err != nil {
		return nil, err
	}
	if !p.Detach {
		s.signals = catch() // until now a signal ended the helper
	}
	return s, nil
}

func (s *Session) makeStreams(p *plan.Plan, root *os.File) (err error) {
	owner, null := int64(-1), hostNull(s.remote)
	if who := p.Identity.Container; who != nil {
		owner, null = who.HostUID, containerNull(root)
		if !p.SharesNull() {
			null = noNullDevice
		}
		if p.Detach { // a pipe would have no reader
			null = orCreateNull(null)
		}
	}
	switch {
	case p.Terminal:
		s.detachKeys, s.raw = p.DetachKeys, p.Input && s.remote == nil
		err = s.openTerminal(p, root, null, owner)
	case p.Detach:
		if s.streams, err = newDetached(null); err != nil && p.Identity.Container != nil {
			err = exit.Hint(fmt.Errorf("start a detached command in %q: %w", p.Target, err), "use -d -t to give it a terminal instead")
		}
	case p.InheritsStreams():
		s.streams = newInherited()
	default:
		s.streams, err = newRelayed(p, null, owner, s.remote)
	}
	return err
}

// Stdio returns the command's standard streams.
func (s *Session) Stdio() [3]*os.File { return s.streams.command }

// Watch starts the watchdog, if the command needs one. It is called while the command's process is being
// made, and may be called more than once.
func (s *Session) Watch() (err error) {
	if s.watchdog == nil && (s.signals != nil || s.pty != nil) {
		s.watchdog, err = startWatchdog(s.forkWatchdog, s.raw, s.pty)
	}
	return err
}

// Begin is called when the command is about to run. pid is the command's process, a child of
// the helper, which nothing may wait for before Run returns. pidfd must stay open until then.
func (s *Session) Begin(pid int, pidfd *os.File) error {
	if err := s.Watch(); err != nil || s.signals == nil {
		return err
	}
	var err error
	if s.command, err = newGroup(pid, pidfd, s.leads); err != nil {
		return err
	}
	s.signals.forwardTo(s.command)
	o := order{PID: pid, Leads: s.leads, Space: s.command.pidNS}
	if s.raw {
		if o.Terminal, err = unix.IoctlGetTermios(int(os.Stdin.Fd()), unix.TCGETS); err != nil {
			return fmt.Errorf("read the terminal's settings: %w", err)
		}
	}
	if err := tell(s.watchdog, o, pidfd); err != nil {
		return err
	}
	if s.pty != nil && s.remote == nil {
		return s.followTerminal(o.Terminal)
	}
	return nil
}

// Canceled reports, before the command runs, whether the caller is gone or has sent a terminating signal.
func (s *Session) Canceled() bool {
	return s.remote.hasHungUp() || s.signals != nil && (len(s.signals.fatal) > 0 || s.caller.ending() || s.remote == nil && terminalHungUp(0))
}

// End restores the caller's terminal and stops the watchdog. It may be called more than once,
// and whether or not the command began.
func (s *Session) End() {
	s.restoreTerminal()
	s.restoreTerminal = func() {}
	s.watchdog.Stop()
	s.watchdog = nil
}

// Command is a process that was started.
type Command interface {
	// Wait waits for the process to end and returns its exit status as a shell reports it. The
	// process stays a zombie, so that its pid is not reused.
	Wait() (int, error)
	// Reap reaps the process, after Wait.
	Reap()
}

// Run moves bytes and forwards signals until the command ends, the caller is gone, or the user
// types the detach keys. It returns the command's exit status, 0 for a detached command.
func (s *Session) Run(c Command) (int, error) {
	defer s.signals.stop()
	gone := newEvent()
	detach := newEvent()
	if s.caller != nil {
		go s.caller.watch(s.signals.forwardFromCLI, gone)
	}
	s.streams.start(s.detachKeys, gone, detach)
	if s.remote != nil {
		go s.remote.readFrames(s.signals.forward, s.streams.readerGone, s.pty, gone)
	}
	ended := make(chan error, 1)
	status := 0
	go func() {
		var err error
		status, err = c.Wait()
		ended <- err
	}()
	select {
	case err := <-ended:
		s.command.reapCommand(c.Reap)
		lost := s.streams.finish(gone.fired, s.signals.nextFatal(), s.signals.outputTimeout())
		s.remote.reportUnread()
		// If the client ends too, the rest of the command's session ends with it.
		if s.remote == nil && terminalHungUp(0) || s.caller.ending() || s.signals.ended(status) || gone.hasFired() {
			s.command.end()
		}
		if err == nil && lost != nil {
			if status == 0 {
				status = exit.Failed // lost output is a failure
			}
			err = exit.WithStatus(status, lost)
		}
		return status, err
	case <-gone.fired:
		s.command.end()
		err := <-ended
		return status, err
	case <-detach.fired:
		return 0, s.detach(s.command.pid)
	}
}

// Detached reports, after Run, whether the user typed the detach keys and the command goes on.
func (s *Session) Detached() bool { return s.detached }

// Release lets the command go on without the helper. If it has a terminal, the watchdog reads that.
func (s *Session) Release() error {
	if s.watchdog == nil {
		return nil
	}
	err := tell(s.watchdog, order{Drain: true}, nil)
	s.watchdog = nil // it keeps running
	return err
}

// detach releases the command, prints where it goes on, and ends the session.
func (s *Session) detach(pid int) error {
	if err := s.Release(); err != nil {
		return err
	}
	s.detached = true
	s.End()
	_, err := fmt.Fprintf(s.stderr, "\r\nleft process %d running: docker top %s shows it\n", pid, s.target)
	return err
}
