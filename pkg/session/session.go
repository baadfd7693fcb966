//go:build linux

// Package session is the helper's side of a running command: its terminal and
// standard streams, the signals that reach it, and its end.
package session

import (
	"os"
	"os/signal"

	"golang.org/x/sys/unix"
	"golang.org/x/term"

	"github.com/nsjoin/docker-nsjoin/pkg/plan"
)

// Session is a command's surroundings, before and while it runs.
type Session struct {
	streams   *streams
	pty       *os.File // our end of the command's terminal; nil without one
	sameGroup bool
}

// Prepare makes the streams that the plan's command gets. root is the root
// directory that it will have; it is used for a terminal only.
func Prepare(p *plan.Plan, root *os.File) (*Session, error) {
	who := p.Identity.Container
	if p.Detach {
		s, err := nowhere()
		return &Session{streams: s}, err
	}
	if who == nil {
		return &Session{streams: handOver(), sameGroup: true}, nil
	}
	if !p.Terminal {
		s, err := guard(who.HostUID)
		return &Session{streams: s}, err
	}
	ours, theirs, err := openPTY(root, who.HostUID)
	if err != nil {
		return nil, err
	}
	resize(ours)
	return &Session{
		streams: &streams{
			theirs:  [3]*os.File{theirs, theirs, theirs},
			closing: []*os.File{theirs},
			input:   &relay{from: os.Stdin, to: ours},
			outputs: []*relay{{from: ours, to: os.Stdout}},
		},
		pty: ours,
	}, nil
}

// Stdio is the command's standard streams.
func (s *Session) Stdio() [3]*os.File { return s.streams.theirs }

// Command is a process that was started.
type Command interface {
	// Wait waits for its end and returns its exit status, as a shell has it.
	Wait() (int, error)
}

// Run attends the command, process pid, until it ends, and returns its exit
// status. socket is the Docker CLI's, or nil.
func (s *Session) Run(c Command, pid int, socket *os.File) (int, error) {
	stop := forward(pid, s.sameGroup)
	defer stop()
	if socket != nil {
		first := unix.SIGTERM
		if input, _ := Terminals(); s.pty != nil || s.sameGroup && input {
			first = unix.SIGHUP // as when a terminal goes away
		}
		go watchCaller(socket, pid, first)
	}
	if s.pty != nil {
		restore, err := s.takeTerminal()
		if err != nil {
			return 0, err
		}
		defer restore()
	}
	s.streams.start()
	status, err := c.Wait()
	s.streams.finish()
	return status, err
}

// takeTerminal makes the caller's terminal raw, and has the command's follow
// its size, until restore is called.
func (s *Session) takeTerminal() (restore func(), err error) {
	fd := int(os.Stdin.Fd())
	before, err := term.MakeRaw(fd)
	if err != nil {
		return nil, err
	}
	changes := make(chan os.Signal, 1)
	signal.Notify(changes, unix.SIGWINCH)
	go func() {
		for range changes {
			resize(s.pty)
		}
	}()
	resize(s.pty)
	return func() {
		signal.Stop(changes)
		close(changes)
		_ = term.Restore(fd, before)
	}, nil
}
