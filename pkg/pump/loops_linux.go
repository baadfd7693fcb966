package pump

import (
	"errors"
	"fmt"
	"net"
	"runtime"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/rawconn"
)

// mostLoops limits the threads of a Pump. A thread copies several GB a second.
const mostLoops = 4

// loops are the threads of a Pump, each with its own epoll(7) instance. One is started with each of the first links.
type loops struct {
	mu     sync.Mutex
	list   []*loop
	next   int
	pipes  pipes
	failed bool // a loop could not be started
	closed bool // by stopLoops: none is started any more
}

// adopt gives a pair of sockets of this machine to a loop. If it returns false, the connections are unchanged.
func (p *Pump) adopt(a, b net.Conn, done func(sent, received int64, err error)) bool {
	l := p.loop()
	if l == nil {
		return false // copy ends the pair if the Pump was closed
	}
	k := &link{flows: [2]flow{{total: &p.Counts.Sent}, {total: &p.Counts.Received}}, done: done}
	giveUp, err := k.take(a, b)
	switch {
	case errors.Is(err, errors.ErrUnsupported):
		return false
	case err != nil:
		p.report("descriptors", fmt.Errorf("connections need two goroutines each: %w", err))
		return false
	}
	err = l.add(k)
	switch {
	case err == nil:
	case errors.Is(err, net.ErrClosed):
		giveUp()
		_ = a.Close()
		_ = b.Close()
		done(0, 0, err)
		return true
	default:
		giveUp()
		p.report("epoll", fmt.Errorf("connections need two goroutines each: %w", err))
		return false
	}
	leave(a)
	leave(b)
	return true
}

// take gives the link its sockets. giveUp takes them back.
func (k *link) take(conns ...net.Conn) (giveUp func(), err error) {
	copies := make([]int, 0, len(k.sides))
	giveUp = func() {
		for _, fd := range copies {
			_ = unix.Close(fd)
		}
	}
	for i, conn := range conns {
		if raw, ok := conn.(*rawconn.Conn); ok {
			if fd, ok := raw.Descriptor(); ok {
				k.sides[i].fd = fd
				continue
			}
		}
		s, err := copied(conn)
		if err != nil {
			giveUp()
			return nil, err
		}
		k.sides[i] = s
		copies = append(copies, s.fd)
	}
	return giveUp, nil
}

// copied returns a side with a copy of the descriptor of a stream socket of this machine: connections of package net cannot
// give theirs away. Others are errors.ErrUnsupported.
func copied(conn net.Conn) (s side, err error) {
	var raw interface{ Control(func(uintptr)) error }
	switch c := conn.(type) {
	case *rawconn.Conn:
		raw = c
	case *net.TCPConn:
		raw, err = c.SyscallConn()
	case *net.UnixConn:
		s.inParts = true
		if c.LocalAddr().Network() != "unix" {
			return s, errors.ErrUnsupported
		}
		raw, err = c.SyscallConn()
	default:
		return s, errors.ErrUnsupported
	}
	if err == nil {
		peer, _ := conn.RemoteAddr().(*net.TCPAddr)
		s.fd, err = duplicate(raw, !s.inParts, peer != nil && peer.IP.IsLoopback())
	}
	return s, err
}

// leave closes what the loop has a copy of.
func leave(conn net.Conn) {
	if raw, ok := conn.(*rawconn.Conn); ok {
		if _, ok := raw.Descriptor(); ok {
			raw.Release()
			return
		}
	}
	_ = conn.Close()
}

// duplicate copies a descriptor, and prepares the socket.
func duplicate(raw interface{ Control(func(uintptr)) error }, tcp, near bool) (fd int, err error) {
	control := raw.Control(func(original uintptr) {
		const first = 3 // not one of the standard streams
		if fd, err = unix.FcntlInt(original, unix.F_DUPFD_CLOEXEC, first); err != nil {
			return
		}
		_ = unix.SetNonblock(fd, true)
		if tcp {
			_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
			if near {
				rawconn.Near(fd)
			}
		}
	})
	return fd, errors.Join(control, err)
}

// loop returns the loop of the next link. It is nil if none can be started.
func (p *Pump) loop() *loop {
	p.loops.mu.Lock()
	defer p.loops.mu.Unlock()
	s := &p.loops
	if s.closed {
		return nil
	}
	if len(s.list) < min(mostLoops, runtime.GOMAXPROCS(0)) && !s.failed {
		if s.list == nil {
			s.pipes.report, s.pipes.most = p.report, p.Pipes
			if p.Pipes == 0 {
				s.pipes.most = mostLent
			}
		}
		l, err := newLoop(&s.pipes)
		if err == nil {
			s.list = append(s.list, l)
			p.ended.Go(l.run)
		} else {
			s.failed = true
			p.report("epoll", fmt.Errorf("cannot start another thread for connections: %w", err))
		}
	}
	if len(s.list) == 0 {
		return nil
	}
	s.next = (s.next + 1) % len(s.list)
	return s.list[s.next]
}

// stopLoops ends all links and their loops, and waits for them.
func (p *Pump) stopLoops() {
	p.loops.mu.Lock()
	defer p.loops.mu.Unlock()
	p.loops.closed = true // a Join may be under way
	for _, l := range p.loops.list {
		l.mu.Lock()
		l.closing = true
		l.mu.Unlock()
		_, _ = unix.Write(l.wake, []byte{1, 0, 0, 0, 0, 0, 0, 1}) // eventfd(2): any number but 0, in either byte order
		<-l.stopped
	}
	p.loops.list = nil
	p.loops.pipes.close()
}

// polled returns the connection that goroutines copy.
func polled(conn net.Conn) net.Conn {
	if raw, ok := conn.(*rawconn.Conn); ok {
		if p, err := raw.Polled(); err == nil {
			return p
		}
	}
	return conn // which fails, if it cannot be polled
}
