// Package udprelay passes UDP packets between sockets that listen here and connections to somewhere else, one for each
// sender, so that answers find their way back.
package udprelay

import (
	"container/list"
	"context"
	"errors"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// Relay has what a relay needs to know. All of it must be set before Serve, and the functions may be called at the
// same time; they may be nil, apart from Dial.
type Relay struct {
	// Dial connects for a new peer: somebody who sends to a listening socket. ended, which may be nil, is called once,
	// with how many bytes the peer has sent and received, when conn is closed; after an error it is not. An address may have
	// several peers at the same time: one for each address that it sends to, and some that are about to end. If the error
	// is ErrFull, another peer is forgotten, and Dial is called again when that one has ended.
	Dial func(ctx context.Context, peer netip.AddrPort) (conn net.Conn, ended func(sent, received int64), err error)
	// Admit decides whether a peer's packets are passed on. It is asked for the first packet of a peer, and again, at
	// most once a second, since another program may have got the peer's port meanwhile. It must not block. local is the
	// address that the packet was sent to.
	Admit func(local, peer netip.AddrPort) bool
	// Report is told of a peer that could not be connected, or whose packets were refused, once for each peer.
	Report func(peer netip.AddrPort, err error)

	// Sent and Received, if not nil, count the bytes of all peers.
	Sent, Received *atomic.Int64

	// Idle is how long a peer is remembered after its last packet. 0 stands for 90 seconds, docker-proxy's.
	Idle time.Duration
	// Peers limits the peers of a call of Serve. For another one, the one that was silent for longest is forgotten. 0
	// stands for 1024.
	Peers int
}

// ErrFull is returned by Relay.Dial if there is no place for another connection.
var ErrFull = errors.New("no more peers")

// Limits, in packets and bytes.
const (
	defaultIdle  = 90 * time.Second
	defaultPeers = 1024
	mostPacket   = 1<<16 - 1
	mostWaiting  = 64 // of a peer, while it is connected, or while its connection takes nothing
)

// serving is a call of Serve.
type serving struct {
	*Relay

	ctx   context.Context
	group sync.WaitGroup

	mu    sync.Mutex
	peers map[key]*peer
	order list.List // of *peer: the one that was silent for longest first
}

// key identifies a peer: a socket that listens on all addresses has to answer from the one that was asked.
type key struct {
	on            *replies // the listening socket
	remote, local netip.AddrPort
}

// peer is somebody who sends to a listening socket.
type peer struct {
	key
	entry    *list.Element
	touched  time.Time // the last packet in either direction, to the second
	admitted time.Time
	sent     atomic.Int64
	received atomic.Int64
	reported atomic.Bool
	queue    chan []byte              // packets for whom cannot take them at once
	direct   atomic.Pointer[net.Conn] // if packets can be written without waiting
	ended    context.CancelFunc
	// closed is closed when the peer's connection is, and Dial's ended has returned. Under serving.mu; nil before there is
	// a connection.
	closed chan struct{}
}

// Serve passes packets of one or more sockets on until ctx is done, or until one of them fails; it closes neither them nor
// anything that it did not make. It returns when all connections are closed.
func (r *Relay) Serve(ctx context.Context, listening ...*net.UDPConn) error {
	ctx, cancel := context.WithCancel(ctx)
	s := &serving{Relay: r, ctx: ctx, peers: map[key]*peer{}}
	defer s.group.Wait()
	defer cancel()
	var sockets []*replies
	for _, one := range listening {
		socket, err := newReplies(one)
		if err != nil {
			return err
		}
		sockets = append(sockets, socket)
	}
	s.group.Go(s.forgetIdle)
	ended := make(chan error, len(sockets))
	for _, socket := range sockets {
		context.AfterFunc(ctx, func() { _ = socket.conn.SetReadDeadline(time.Unix(1, 0)) })
		s.group.Go(func() { ended <- s.receive(socket) })
	}
	return <-ended // of the first one: the others end with ctx
}

// receive passes packets of a socket on until it fails, or ctx is done.
func (s *serving) receive(socket *replies) error {
	buffer := make([]byte, mostPacket)
	for {
		n, k, err := socket.receive(buffer)
		switch {
		case s.ctx.Err() != nil:
			return s.ctx.Err()
		case errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, syscall.ECONNRESET): // of a peer that has gone
		case err != nil:
			return err
		default:
			s.pass(k, buffer[:n])
		}
	}
}

// pass passes a packet of a peer's on.
func (s *serving) pass(k key, packet []byte) {
	now := time.Now()
	p := s.touch(k, now, false)
	if s.Admit != nil && (p == nil || now.Sub(p.admitted) >= time.Second) && !s.Admit(k.local, k.remote) {
		if p != nil {
			p.ended()
			s.forget(p)
		}
		return
	}
	if p == nil {
		p = s.touch(k, now, true)
		p.admitted = now
	} else if now.Sub(p.admitted) >= time.Second {
		p.admitted = now
	}
	if conn := p.direct.Load(); conn != nil {
		s.write(p, *conn, packet)
		return
	}
	select {
	case p.queue <- append([]byte(nil), packet...):
	default: // dropped, as any network does that is too slow
	}
}

// touch returns a peer, and makes it if there is none and add is true.
func (s *serving) touch(k key, now time.Time, add bool) *peer {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.peers[k]
	if p == nil && add {
		p = s.add(k)
	}
	if p != nil {
		s.heard(p, now)
	}
	return p
}

// answered notes that a peer was sent an answer, unless it is forgotten.
func (s *serving) answered(p *peer, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.peers[p.key] == p {
		s.heard(p, now)
	}
}

// heard notes a packet of a peer's, or for it. The caller holds mu.
func (s *serving) heard(p *peer, now time.Time) {
	if now.Sub(p.touched) >= time.Second {
		p.touched = now
		s.order.MoveToBack(p.entry)
	}
}

// add makes a peer. The caller holds mu.
func (s *serving) add(k key) *peer {
	most := s.Peers
	if most == 0 {
		most = defaultPeers
	}
	if len(s.peers) >= most {
		oldest := s.order.Front().Value.(*peer)
		oldest.ended()
		s.remove(oldest)
	}
	ctx, cancel := context.WithCancel(s.ctx)
	p := &peer{key: k, queue: make(chan []byte, mostWaiting), ended: cancel}
	p.entry = s.order.PushBack(p)
	s.peers[k] = p
	s.group.Go(func() { s.serve(ctx, p) })
	return p
}

// remove forgets a peer. The caller holds mu.
func (s *serving) remove(p *peer) {
	if s.peers[p.key] == p {
		delete(s.peers, p.key)
		s.order.Remove(p.entry)
	}
}

func (s *serving) forget(p *peer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.remove(p)
}

// connected notes that a peer has a connection, and returns what to call when that has ended.
func (s *serving) connected(p *peer) (ended func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	closed := make(chan struct{})
	p.closed = closed
	return func() { close(closed) }
}

// makePlace forgets the peer with a connection that was silent for longest, and waits until that is closed. It returns
// false if there is none, or if ctx is done before.
func (s *serving) makePlace(ctx context.Context) bool {
	closed := s.forgetOldest()
	if closed == nil {
		return false
	}
	select {
	case <-closed:
		return true
	case <-ctx.Done():
		return false
	}
}

// forgetOldest forgets the peer with a connection that was silent for longest. The channel, which is nil if there is no
// such peer, is closed when the connection is.
func (s *serving) forgetOldest() (closed <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for e := s.order.Front(); e != nil; e = e.Next() {
		if p := e.Value.(*peer); p.closed != nil {
			p.ended()
			s.remove(p)
			return p.closed
		}
	}
	return nil
}

// forgetIdle ends the peers that have been silent for too long.
func (s *serving) forgetIdle() {
	idle := s.Idle
	if idle == 0 {
		idle = defaultIdle
	}
	const parts = 4
	tick := time.NewTicker(max(idle/parts, time.Millisecond))
	defer tick.Stop()
	for {
		select {
		case <-s.ctx.Done():
			return
		case now := <-tick.C:
			s.mu.Lock()
			for e := s.order.Front(); e != nil; e = s.order.Front() {
				p := e.Value.(*peer)
				if now.Sub(p.touched) < idle {
					break
				}
				p.ended()
				s.remove(p)
			}
			s.mu.Unlock()
		}
	}
}
