//go:build linux

package dialer

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/join"
	"github.com/nsjoin/docker-nsjoin/pkg/observe"
	"github.com/nsjoin/docker-nsjoin/pkg/plan"
	"github.com/nsjoin/docker-nsjoin/pkg/sockets/passing"
)

const (
	// unixTimeout is how long a connection may take: the queue of the server may be full.
	unixTimeout = 10 * time.Second
	// maxPaths is how many paths may have a process that connects or binds, at a time: one for each. A server that accepts
	// nothing does not hold up the others, then.
	maxPaths = 9
	// maxMore is how many more processes there may be, of any path. Each takes a place in the container's limits.
	maxMore = 3
)

// unixSide is the part of a Dialer for UNIX sockets.
type unixSide struct {
	first   chan struct{} // limits the paths that have a process
	more    chan struct{} // limits the processes beyond these
	closing atomic.Bool   // no further process is wanted

	mu     sync.Mutex
	paths  map[string]*ofPath // of the calls that wait or connect
	planed *unixPlan          // nil before the first
	bound  map[*boundFile]bool

	writer atomic.Pointer[writer] // nil before the first connection
}

func (u *unixSide) init() {
	u.first, u.more = make(chan struct{}, maxPaths), make(chan struct{}, maxMore)
	u.paths = make(map[string]*ofPath)
	u.bound = make(map[*boundFile]bool)
}

// waitForAll waits until all processes have ended, and lets no other begin.
func (u *unixSide) waitForAll() {
	for range maxPaths {
		u.first <- struct{}{}
	}
	for range maxMore {
		u.more <- struct{}{}
	}
}

// ofPath is what a path has.
type ofPath struct {
	own   chan struct{} // one place, for its first process
	users int           // calls that have a place or wait for one
}

// enter waits for the place of a process. leave gives it back; it is nil if late or ended was closed before.
func (u *unixSide) enter(path string, late, ended <-chan struct{}) (leave func()) {
	u.mu.Lock()
	of := u.paths[path]
	if of == nil {
		of = &ofPath{own: make(chan struct{}, 1)}
		u.paths[path] = of
	}
	of.users++
	u.mu.Unlock()
	has := make([]chan struct{}, 0, 2)
	leave = func() {
		for _, place := range has {
			<-place
		}
		u.mu.Lock()
		defer u.mu.Unlock()
		if of.users--; of.users == 0 {
			delete(u.paths, path)
		}
	}
	place := takePlace(of.own, u.more, late, ended)
	if place == of.own {
		has = append(has, place)
		place = takePlace(u.first, u.more, late, ended) // more paths than maxPaths may wait for a server
	}
	if place == nil {
		leave()
		return nil
	}
	has = append(has, place)
	return leave
}

// takePlace takes a place of one of two channels: of the first one if that has any, so that the others' are left to them. It
// returns the channel; nil if late or ended was closed before.
func takePlace(own, others chan struct{}, late, ended <-chan struct{}) chan struct{} {
	select {
	case own <- struct{}{}:
		return own
	default:
	}
	select {
	case own <- struct{}{}:
		return own
	case others <- struct{}{}:
		return others
	case <-late:
	case <-ended:
	}
	return nil
}

// unixPlan is the plan for any UNIX socket, and what it was made from.
type unixPlan struct {
	plan *plan.Plan
	seen *observe.Observation
}

// unixPlan observes the container and makes the plan, once. It holds as long as the container's first process lives.
func (d *Dialer) unixPlan() (*unixPlan, error) {
	if !d.request.Forward.Unix {
		return nil, errors.New("the request is not for UNIX sockets")
	}
	d.unix.mu.Lock()
	defer d.unix.mu.Unlock()
	if d.unix.planed != nil {
		return d.unix.planed, nil
	}
	r := unixRequest(d.request)
	seen, err := observe.Observe(r)
	if err != nil {
		return nil, err
	}
	p, err := plan.New(r, &seen.Facts)
	if err != nil {
		return nil, err
	}
	seen.Settle()
	d.unix.planed = &unixPlan{p, seen}
	return d.unix.planed, nil
}

// ConnectUnix connects to a UNIX socket as a process of the container does. path is absolute, or an abstract name that
// begins with @. typ is unix.SOCK_STREAM, unix.SOCK_SEQPACKET or unix.SOCK_DGRAM. It takes about a millisecond and
// at most ten seconds.
func (d *Dialer) ConnectUnix(path string, typ int) (fd int, err error) {
	taken, err := d.take(plan.Forward{Path: path, Type: typ})
	if err != nil {
		return -1, err
	}
	defer taken.End()
	return d.keep(taken, typ, false)
}

// ListenUnix binds a UNIX socket as a process of the container does, and listens. remove removes the socket's file; it
// may be called more than once. The file is removed too if this process ends in any other way.
func (d *Dialer) ListenUnix(path string, typ int) (fd int, remove func(), err error) {
	taken, err := d.take(plan.Forward{Path: path, Type: typ, Listen: true})
	if err != nil {
		return -1, nil, err
	}
	fd, err = d.keep(taken, typ, true)
	if err != nil {
		taken.Undo()
		return -1, nil, err
	}
	if taken.Directory < 0 {
		taken.End()
		return fd, func() {}, nil
	}
	file, err := d.guard(taken, fd, path)
	if err != nil {
		passing.CloseAll([]int{fd})
		taken.Undo()
		return -1, nil, err
	}
	taken.End() // until now the child would have removed the file
	return fd, func() { d.unix.remove(file) }, nil
}

// take has a process in the container connect or bind a socket.
func (d *Dialer) take(f plan.Forward) (*join.Taken, error) {
	switch {
	case !strings.HasPrefix(f.Path, "/") && (!strings.HasPrefix(f.Path, "@") || len(f.Path) == 1):
		return nil, fmt.Errorf("UNIX socket %q in %q: neither an absolute path nor @NAME", f.Path, d.Plan.Target)
	case f.Type != unix.SOCK_STREAM && f.Type != unix.SOCK_SEQPACKET && f.Type != unix.SOCK_DGRAM:
		return nil, fmt.Errorf("UNIX socket %q in %q: %w", f.Path, d.Plan.Target, unix.EPROTONOSUPPORT)
	}
	u, err := d.unixPlan()
	if err != nil {
		return nil, err
	}
	stuck := func() error {
		return fmt.Errorf("UNIX socket %q in %q: the server does not accept the connection: %w", f.Path, d.Plan.Target, unix.ETIMEDOUT)
	}
	start, late := time.Now(), make(chan struct{})
	timer := time.AfterFunc(unixTimeout, func() { close(late) }) // a time.Timer's channel would make the helper 60 KB larger
	defer timer.Stop()
	leave := d.unix.enter(f.Path, late, d.ended)
	if leave != nil {
		defer leave()
	}
	switch {
	case d.isEnded() || d.unix.closing.Load():
		return nil, unix.ESHUTDOWN
	case leave == nil: // other connections wait for a server
		return nil, stuck()
	}
	h := held(u.seen)
	h.Unwanted = func() bool { return d.unix.closing.Load() || time.Since(start) > unixTimeout || d.isEnded() }
	taken, err := join.Take(u.plan.For(f), h)
	if errors.Is(err, join.ErrInterrupted) {
		return nil, stuck()
	}
	if err != nil {
		return nil, u.seen.Explain(unixRequest(d.request), err)
	}
	return taken, nil
}

func (d *Dialer) isEnded() bool {
	select {
	case <-d.ended:
		return true
	default:
		return false
	}
}

// keep checks a taken socket and makes it the caller's.
func (d *Dialer) keep(taken *join.Taken, typ int, listens bool) (int, error) {
	fd := taken.Socket
	if err := d.check(fd, typ, listens); err != nil {
		return -1, err
	}
	if err := unix.SetNonblock(fd, true); err != nil {
		return -1, err
	}
	if d.unix.writer.Load() == nil {
		w, err := d.newWriter(taken)
		if err != nil {
			return -1, err
		}
		d.unix.writer.Store(w)
	}
	if !listens {
		_ = unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_SNDTIMEO, &unix.Timeval{}) // was for connect(2)
	}
	taken.Socket = -1
	return fd, nil
}
