//go:build linux

// Package session is the helper's side of a running command: its terminal and
// standard streams, the signals that reach it, and its end.
package session

import (
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/exit"
	"github.com/nsjoin/docker-nsjoin/pkg/plan"
)

// Session is a command's surroundings, before and while it runs.
type Session struct {
	streams    *streams
	pty        *os.File // our end of the command's terminal; nil without one
	detachKeys []byte
	leads      bool     // the command leads a session of its own
	target     string   // the container's name
	caller     *caller  // nil where it has no socket
	signals    *signals // nil for a command that is detached
	standby    Standby
	watcher    *watcher
	command    *group  // once it is about to run
	remote     *Remote // nil for a caller who is here
	left       bool    // by the detach keys
	raw        bool    // the caller's terminal is raw while the command runs
	errors     io.Writer
	restore    func() // gives the caller's terminal back
}

// Prepare makes the streams that the plan's command gets. root is the root
// directory that it will have, for its terminal and its null device. socket is the
// Docker CLI's, or nil; remote is nil for a caller who is here.
func Prepare(p *plan.Plan, root *os.File, standby Standby, socket *os.File, remote *Remote) (*Session, error) {
	s := &Session{
		leads: p.LeadsSession(), target: p.Target, standby: standby, remote: remote, errors: remote.writer(2), restore: func() {},
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
		s.signals = catch() // until now they ended us
	}
	return s, nil
}

// makeStreams makes the command's standard streams.
func (s *Session) makeStreams(p *plan.Plan, root *os.File) (err error) {
	owner, null := int64(-1), hostNull(s.remote)
	if who := p.Identity.Container; who != nil {
		owner, null = who.HostUID, nullBeneath(root)
		if !p.SharesNull() {
			null = noNull
		}
		if p.Detach { // nobody is there to read a pipe
			null = orMade(null)
		}
	}
	switch {
	case p.Terminal:
		s.detachKeys, s.raw = p.DetachKeys, p.Input && s.remote == nil
		err = s.openTerminal(p, root, null, owner)
	case p.Detach:
		if s.streams, err = detached(null); err != nil && p.Identity.Container != nil {
			err = exit.Hint(fmt.Errorf("standard streams of a command in %q: %w", p.Target, err), "-d -t gives it a terminal instead")
		}
	case p.InheritsStreams():
		s.streams = inherited()
	default:
		s.streams, err = relayed(p, null, owner, s.remote)
	}
	return err
}

// Stdio is the command's standard streams.
func (s *Session) Stdio() [3]*os.File { return s.streams.theirs }

// Watch starts the watcher, if the command is to have one. It is called while the command's
// process is on its way, and may be called more than once.
func (s *Session) Watch() (err error) {
	if s.watcher == nil && (s.signals != nil || s.pty != nil) {
		s.watcher, err = startWatcher(s.standby, s.raw, s.pty)
	}
	return err
}

// Begin is called when the command is about to run: process pid, a child of ours, which is not
// to be waited for before Run has returned. pidfd is its until then.
func (s *Session) Begin(pid int, pidfd *os.File) error {
	if err := s.Watch(); err != nil || s.signals == nil {
		return err
	}
	var err error
	if s.command, err = newGroup(pid, pidfd, s.leads); err != nil {
		return err
	}
	s.signals.pass(s.command)
	o := order{PID: pid, Leads: s.leads, Space: s.command.space}
	if s.raw {
		if o.Terminal, err = unix.IoctlGetTermios(int(os.Stdin.Fd()), unix.TCGETS); err != nil {
			return fmt.Errorf("the caller's terminal: %w", err)
		}
	}
	if err := s.watcher.tell(o, pidfd); err != nil {
		return err
	}
	if s.pty != nil && s.remote == nil {
		return s.takeTerminal(o.Terminal)
	}
	return nil
}

// Unwanted tells, before the command runs, whether nobody waits for it any more: the
// caller is gone, or sent a signal that is for the end.
func (s *Session) Unwanted() bool {
	return s.remote.hasLeft() || s.signals != nil && (len(s.signals.fatal) > 0 || s.caller.ends() || s.remote == nil && hungUp(0))
}

// End gives everything back that the session took. It may be called more than
// once, and whether or not the command began.
func (s *Session) End() {
	s.restore()
	s.restore = func() {}
	s.watcher.stop()
	s.watcher = nil
}

// Command is a process that was started.
type Command interface {
	// Wait waits for its end and returns its exit status, as a shell has it. The process's
	// number is not free then.
	Wait() (int, error)
	// Reap frees its number, after Wait.
	Reap()
}

// Run attends the command, which began, until it ends, or its caller is gone or
// leaves it. It returns the command's exit status, 0 for one that was left.
func (s *Session) Run(c Command) (int, error) {
	defer s.signals.stop()
	gone := newOnce()
	left := newOnce()
	if s.caller != nil {
		go s.caller.watch(s.signals.told, gone)
	}
	s.streams.start(s.detachKeys, gone, left)
	if s.remote != nil {
		go s.remote.follow(s.signals.give, s.streams.unread, s.pty, gone)
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
		s.command.letGo(c.Reap)
		lost := s.streams.finish(gone.given, s.signals.again(), s.signals.patience())
		s.remote.giveBack()
		// What it started ends with it where it is the client that ends.
		if s.remote == nil && hungUp(0) || s.caller.ends() || s.signals.ended(status) || gone.happened() {
			s.command.end()
		}
		if err == nil && lost != nil {
			if status == 0 {
				status = exit.Failed // it isn't success
			}
			err = exit.WithStatus(status, lost)
		}
		return status, err
	case <-gone.given:
		s.command.end()
		err := <-ended
		return status, err
	case <-left.given:
		return 0, s.leave(s.command.pid)
	}
}

// Left tells, after Run, whether the detach keys left the command running.
func (s *Session) Left() bool { return s.left }

// Leave leaves a command that nobody attends to itself, and to the watcher if it has a terminal.
func (s *Session) Leave() error {
	if s.watcher == nil {
		return nil
	}
	err := s.watcher.tell(order{Drain: true}, nil)
	s.watcher = nil // it stays
	return err
}

// leave leaves the command to itself and to the watcher, who takes what it
// writes to its terminal.
func (s *Session) leave(pid int) error {
	if err := s.Leave(); err != nil {
		return err
	}
	s.left = true
	s.End()
	_, err := fmt.Fprintf(s.errors, "\r\nleft process %d running: docker top %s\n", pid, s.target)
	return err
}
