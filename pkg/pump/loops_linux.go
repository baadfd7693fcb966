package pump

import (
	"errors"
	"fmt"
	"net"
	"runtime"
	"sync"

	"golang.org/x/sys/unix"
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

// adopt gives a pair of sockets of this machine to a loop. It takes copies of the descriptors, since package net's
// connections cannot give theirs away. If it returns false, the connections are unchanged.
func (p *Pump) adopt(a, b net.Conn, done func(sent, received int64, err error)) bool {
	rawA, rawB := rawSocket(a), rawSocket(b)
	if rawA == nil || rawB == nil {
		return false
	}
	l := p.loop()
	if l == nil {
		return false // copy ends the pair if the Pump was closed
	}
	fdA, err := duplicate(rawA)
	if err != nil {
		return false
	}
	fdB, err := duplicate(rawB)
	if err != nil {
		_ = unix.Close(fdA)
		p.report("descriptors", fmt.Errorf("connections need two goroutines each: %w", err))
		return false
	}
	k := &link{sides: [2]side{newSide(fdA), newSide(fdB)}, flows: [2]flow{{total: &p.Counts.Sent}, {total: &p.Counts.Received}}, done: done}
	if err := l.add(k); err != nil {
		_ = unix.Close(fdA)
		_ = unix.Close(fdB)
		if errors.Is(err, net.ErrClosed) {
			_ = a.Close()
			_ = b.Close()
			done(0, 0, err)
			return true
		}
		p.report("epoll", fmt.Errorf("connections need two goroutines each: %w", err))
		return false
	}
	_ = a.Close()
	_ = b.Close()
	return true
}

func newSide(fd int) side {
	domain, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_DOMAIN)
	return side{fd: fd, inParts: err != nil || domain == unix.AF_UNIX}
}

// rawSocket returns the descriptor of a stream socket of this machine, or nil.
func rawSocket(conn net.Conn) (raw interface{ Control(func(uintptr)) error }) {
	switch c := conn.(type) {
	case *net.TCPConn:
		if raw, err := c.SyscallConn(); err == nil {
			return raw
		}
	case *net.UnixConn:
		if raw, err := c.SyscallConn(); err == nil && c.LocalAddr().Network() == "unix" {
			return raw
		}
	}
	return nil
}

// duplicate copies a descriptor, and prepares the socket.
func duplicate(raw interface{ Control(func(uintptr)) error }) (fd int, err error) {
	control := raw.Control(func(original uintptr) {
		const first = 3 // not one of the standard streams
		if fd, err = unix.FcntlInt(original, unix.F_DUPFD_CLOEXEC, first); err != nil {
			return
		}
		_ = unix.SetNonblock(fd, true)
		_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1) // UNIX sockets refuse it
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
