package forward

import (
	"context"
	"fmt"

	"github.com/nsjoin/docker-nsjoin/pkg/forward/reach"
	"github.com/nsjoin/docker-nsjoin/pkg/forward/spec"
)

// room divides a limit of connections among forwards, so that one that is flooded leaves the others theirs: half of the
// limit is shared out, so that each forward has its part for itself. The other half is taken by whoever comes first.
type room struct {
	limit  string // what the user is told
	each   int
	common chan struct{} // its capacity is the half that is not shared out
}

// leastShare is the part that a forward has at least: a listener that waits for a connection has a place for it already.
const leastShare = 4

// newRoom divides a limit among forwards.
func newRoom(limit string, connections, forwards int) *room {
	each := max(leastShare, connections/2/max(1, forwards)) //nolint:mnd // a half
	return &room{limit: limit, each: each, common: make(chan struct{}, max(0, connections-each*forwards))}
}

// share returns the part of one forward; nil of a nil room, which has no limit.
func (r *room) share() *share {
	if r == nil {
		return nil
	}
	return &share{limit: r.limit, own: make(chan struct{}, r.each), common: r.common}
}

// share is what a forward has of a room.
type share struct {
	limit       string
	own, common chan struct{}
}

// place is the place of one connection in a share; nil is none.
type place chan struct{}

// leave gives the place back.
func (p place) leave() {
	if p != nil {
		<-p
	}
}

// try takes a place. It returns false if none is free. A nil share has no limit.
func (s *share) try() (place, bool) {
	if s == nil {
		return nil, true
	}
	select {
	case s.own <- struct{}{}:
		return s.own, true
	default:
	}
	select {
	case s.common <- struct{}{}:
		return s.common, true
	default:
		return nil, false
	}
}

// take waits for a place. It returns false if ctx has ended. full is called if none is free.
func (s *share) take(ctx context.Context, full func(*share)) (place, bool) {
	if taken, ok := s.try(); ok {
		return taken, true
	}
	full(s)
	select {
	case s.own <- struct{}{}:
		return s.own, true
	case s.common <- struct{}{}:
		return s.common, true
	case <-ctx.Done():
		return nil, false
	}
}

// shareError says that a forward has as many connections as it may have.
type shareError struct {
	packets bool // with UDP, nobody waits
	open    int64
	limit   string
}

func (e *shareError) Error() string {
	what := "new connections have to wait"
	if e.packets {
		what = "the oldest senders are forgotten for new ones, and packets may be lost"
	}
	return fmt.Sprintf("%s: %d are open, the share of this forward in %s", what, e.open, e.limit)
}

// files are the open files of the process, and what they are for.
type files struct {
	connections int    // at a time
	limit       string // why not more
	dials       int    // of a forward, at a time
	pipes       int    // of a forward: connections whose reader is slow have one each
}

const (
	// mostConnections limits the memory of a call where the limit of open files does not: 3 KB for each.
	mostConnections = 1 << 16
	// ofConnection are the open files of a connection.
	ofConnection = 2
	// ofCall are the open files of a call: those to the engine, and sockets that were made in advance.
	ofCall = 48
	// ofForward are those of a forward: its listeners, and epoll(7) instances.
	ofForward = 12
	mostPipes = 64
	// ofPipe are the open files of a pipe, and what a connection needs while it is made, beyond its own two.
	ofPipe, ofDial = 2, 2
	// ofStock are the sockets that a forward's network has in advance, of two kinds.
	ofStock = 2 * 96
	// wishedSpare are the files that a forward needs besides those of its connections, mostSpare those of all forwards.
	wishedSpare = ofPipe*mostPipes + ofDial*mostDials + ofStock
	mostSpare   = 2048
)

// divideFiles divides the open files that a process may have; 0 stands for no limit.
func divideFiles(most uint64, forwards int) files {
	f := files{connections: mostConnections, limit: fmt.Sprintf("the %d that a call may have", mostConnections), dials: mostDials, pipes: mostPipes}
	if most == 0 || most > 2*ofConnection*mostConnections {
		return f
	}
	left := max(0, int(most)-ofCall-ofForward*forwards)
	spare := min(left/4, mostSpare, wishedSpare*forwards) //nolint:mnd // a quarter
	if connections := (left - spare) / ofConnection; connections < f.connections {
		f.connections, f.limit = connections, fmt.Sprintf("the open files of this call (ulimit -Hn is %d: raise it, or use several calls)", most)
	}
	// Each forward has the same part of it, which is divided as what it wishes.
	part := func(of int) int { return max(1, of*spare/wishedSpare/forwards) }
	f.dials, f.pipes = min(part(mostDials), mostDials), min(part(mostPipes), mostPipes)
	return f
}

// spareStreams are left for questions, for names that are looked up, and for connections that listeners in the container have accepted.
const spareStreams = 512

// roomOf divides the connections that a network may have among its forwards. It is nil if there is no limit.
func roomOf(n *reach.Network, forwards int) *room {
	most := n.Most()
	if most == 0 {
		return nil
	}
	return newRoom(fmt.Sprintf("the %d through the engine", most), most-min(spareStreams, most/2), forwards) //nolint:mnd // tests have less
}

// places are those of one connection: of the call, and of the container's network.
type places [2]place

func (p places) leave() {
	for _, one := range p {
		one.leave()
	}
}

// enter waits until the forward may have another connection, and returns how to end it. It returns false if ctx has ended.
func (l *life) enter(ctx context.Context) (leave func(), ok bool) {
	var p places
	for i, s := range l.shares() {
		if s == nil {
			continue
		}
		if p[i], ok = s.take(ctx, l.full); !ok {
			p.leave()
			return nil, false
		}
	}
	return p.leave, true
}

// tryEnter is enter without waiting.
func (l *life) tryEnter() (leave func(), ok bool) {
	var p places
	for i, s := range l.shares() {
		if p[i], ok = s.try(); !ok {
			p.leave()
			l.full(s)
			return nil, false
		}
	}
	return p.leave, true
}

func (l *life) shares() [2]*share { return [2]*share{l.share, l.inNetwork} }

// fullShare is what full has told of.
type fullShare struct {
	of    *tunnel
	limit string
}

// full says, once in a while, that the forward has as many connections as it may have.
func (l *life) full(s *share) {
	if l.owner.session.limits.isFirst(fullShare{l.tunnel, s.limit}) {
		l.tellLimit(&shareError{l.Listen.Network == spec.UDP, l.now.Load(), s.limit})
	}
}
