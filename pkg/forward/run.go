package forward

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/nsjoin/docker-nsjoin/pkg/forward/listen"
	"github.com/nsjoin/docker-nsjoin/pkg/forward/spec"
	"github.com/nsjoin/docker-nsjoin/pkg/forward/together"
	"github.com/nsjoin/docker-nsjoin/pkg/peeruid"
	"github.com/nsjoin/docker-nsjoin/pkg/sockets/client"
)

// Found is a container that runs.
type Found struct {
	ID, Name string // as the engine has them
	Network  client.Network
}

// Source finds one container each time that it runs.
type Source interface {
	// Open returns the container's network. The first time, it fails if the container does not run, unless the user
	// wants to wait. Later it waits until the container runs again, and fails with ErrRemoved if it never will. With
	// Options.UntilStop it fails with ErrStopped if the container has stopped since.
	Open(ctx context.Context) (Found, error)
}

// Errors that are wrapped by those of Source.Open: the container was removed, or has stopped since it was opened.
var (
	ErrRemoved = errors.New("the container was removed")
	ErrStopped = errors.New("the container has stopped")
)

// AttackError ends the forwards of a container in which a process has tried to attack. An event has said so.
type AttackError struct{ Err error }

func (e *AttackError) Error() string { return e.Err.Error() }

// Unwrap returns what has happened.
func (e *AttackError) Unwrap() error { return e.Err }

// Container is a container with its forwards.
type Container struct {
	Name     string // as it was typed
	Source   Source
	Forwards []spec.Forward
}

// Options are what all forwards of a call share.
type Options struct {
	// Addresses are those to listen on for a SPEC without one; none for both loopback addresses.
	Addresses []string
	// AnyUser serves the connections of all users of this machine.
	AnyUser bool
	// Wait waits at the start until the targets take connections.
	Wait bool
	// UntilStop ends the forwards of a container when it stops.
	UntilStop bool
	// Others, if not nil, returns the forwards of those of the user's other calls that answer before ctx ends.
	Others func(ctx context.Context) []Status
	// Quiet leaves out the events of kind Connection.
	Quiet bool
	// Report is called for each event, one at a time.
	Report func(Event)
	// Note, if not nil, tells the user what Wait waits for.
	Note func(text string)
}

// Session is a call of docker nsjoin forward.
type Session struct {
	o          Options
	containers []*container
	report     sync.Mutex
	limits     limits
	peers      peeruid.Asker
	files      files
	others     together.Question[index]
	claims     claims
}

// New prepares a call.
func New(containers []Container, o Options) (*Session, error) {
	forwards := 0
	for _, c := range containers {
		forwards += len(c.Forwards)
	}
	s := &Session{o: o, files: divideFiles(mostFiles(), max(1, forwards))}
	s.others.Ask = s.askOthers
	room := newRoom(s.files.limit, s.files.connections, forwards)
	for _, c := range containers {
		made := &container{Container: c, session: s, began: time.Now()}
		for _, f := range c.Forwards {
			t, err := newTunnel(made, f)
			if err != nil {
				return nil, err
			}
			t.share = room.share()
			made.tunnels = append(made.tunnels, t)
		}
		s.containers = append(s.containers, made)
	}
	return s, nil
}

// Run forwards until ctx ends, or all forwards have ended: by End, or with their containers. It calls started once all of
// them listen, or wait for a port in the container. If one cannot be started, Run ends the others and returns why.
func (s *Session) Run(ctx context.Context, started func() error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer s.peers.Close()
	starting := &starting{done: make(chan struct{})}
	starting.add(1) // until all are counted
	ended := make(chan error, len(s.containers))
	for _, c := range s.containers {
		starting.add(len(c.tunnels))
		go func() { ended <- c.run(ctx, starting) }()
	}
	starting.settle(nil)
	var failed error
	select {
	case <-starting.done:
		if failed = starting.err; failed == nil && ctx.Err() == nil {
			failed = started()
		}
	case <-ctx.Done():
	}
	if failed != nil {
		cancel()
	}
	for range s.containers {
		if err := <-ended; failed == nil {
			failed = err
		}
	}
	if failed == nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return failed
}

// starting counts the forwards that have not started yet.
type starting struct {
	mu   sync.Mutex
	left int
	err  error
	done chan struct{} // closed when none is left, or one has failed
}

func (s *starting) add(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.left += n
}

// settle notes that one has started, or why not.
func (s *starting) settle(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.left == 0 || s.err != nil {
		return
	}
	s.left--
	s.err = err
	if s.left == 0 || err != nil {
		close(s.done)
	}
}

// tell reports an event.
func (s *Session) tell(e Event) {
	s.report.Lock()
	defer s.report.Unlock()
	s.o.Report(e)
}

// Status returns all forwards that have not ended.
func (s *Session) Status() []Status {
	var list []Status
	for _, c := range s.containers {
		for _, t := range c.tunnels {
			if t.alive.Err() == nil {
				list = append(list, t.status())
			}
		}
	}
	return list
}

// End ends forwards by their IDs.
func (s *Session) End(ids []string) {
	wanted := make(map[string]bool, len(ids))
	for _, id := range ids {
		wanted[id] = true
	}
	for _, c := range s.containers {
		for _, t := range c.tunnels {
			if wanted[t.id] && t.alive.Err() == nil {
				t.stop()
				s.tell(t.event(Ended))
			}
		}
	}
}

// users returns who may connect to a forward on this machine.
func (s *Session) users() *listen.Users {
	return &listen.Users{Any: s.o.AnyUser, Allowed: listen.Caller(), Of: s.peers.Of}
}

// A ListenError is why a forward could not be started.
type ListenError struct {
	spec.Forward

	Container string
	Err       error
}

func (e *ListenError) Error() string {
	if e.Reverse {
		return fmt.Sprintf("container %q: %v", e.Container, e.Err)
	}
	return e.Err.Error()
}

// Unwrap returns the error of listening.
func (e *ListenError) Unwrap() error { return e.Err }
