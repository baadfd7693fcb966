package pump

import (
	"errors"
	"os"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// link is a pair of sockets. Only its loop uses it.
type link struct {
	sides  [2]side
	flows  [2]flow // flows[i] goes from sides[i] to the other side
	slot   int     // in its loop
	queued bool    // for another turn
	done   func(sent, received int64, err error)
}

// side is one socket of a link. The events of epoll(7) are edge-triggered: what an event has said counts until a call
// returns EAGAIN.
type side struct {
	fd                 int
	event              unix.EpollEvent // that it is registered with
	readable, writable bool
	ended              bool // no more bytes will arrive after those that are there
	failed             bool // the socket has an error
	// inParts says that a read may end before all that is there: at a message with descriptors (UNIX).
	inParts bool
	// urgent says that urgent data has arrived. A read ends there too, and the next one skips it. splice(2) never does.
	urgent bool
}

// flow is one direction of a link.
type flow struct {
	moved int64
	total *atomic.Int64 // of all links
	pipe  pipe          // if held > 0
	held  int           // bytes in the pipe
	eof   bool          // all was read
	ended bool          // the end was passed on
	bulk  bool          // much arrives at once: splice(2) pays
	plain bool          // the sockets cannot splice
}

// count counts bytes that were written.
func (f *flow) count(n int) {
	f.moved += int64(n)
	f.total.Add(int64(n))
}

const (
	scratchSize = defaultSize // of the buffer of a loop; no more than a pipe takes
	spliceSize  = pipeSize    // limit of a call; the number of pages that a pipe has room for may end it before
	leastBulk   = 16 << 10    // fewer bytes than this at once are copied
	steps       = 16          // in one turn; other links go on then
)

// turn moves what can be moved now. more is true if there may be more. An error breaks the link.
func (l *loop) turn(k *link) (more bool, err error) {
	for i := range k.flows {
		again, failed := l.move(k, i)
		more = more || again
		if failed == nil {
			continue
		}
		if i == 1 && err == nil {
			_, _ = l.move(k, 0) // the last bytes of the other direction, as far as they go
		}
		err = failed
	}
	if err != nil || more {
		return more, err
	}
	for _, s := range k.sides {
		if s.failed { // and it is not read now, since the other side takes nothing
			return false, socketError(s.fd)
		}
	}
	return false, nil
}

// move moves bytes of one direction.
func (l *loop) move(k *link, i int) (more bool, err error) {
	f, from, to := &k.flows[i], &k.sides[i], &k.sides[1-i]
	for range steps {
		switch {
		case f.ended:
			return false, nil
		case f.held > 0:
			err = l.drain(f, to)
		case f.eof:
			f.ended = true
			if k.flows[1-i].ended {
				return false, nil // both are closed now
			}
			// A peer that has reset the connection is noticed by what is read from it.
			_ = unix.Shutdown(to.fd, unix.SHUT_WR)
			return false, nil
		case !from.readable || !to.writable:
			return false, nil
		default:
			err = l.fill(f, from, to)
		}
		if err != nil || f.held > 0 && !to.writable {
			return false, err
		}
	}
	return true, nil
}

// drain writes what the pipe holds.
func (l *loop) drain(f *flow, to *side) error {
	n, err := splice(f.pipe.read, to.fd, f.held)
	if errors.Is(err, unix.EAGAIN) {
		return l.full(to)
	}
	if err != nil {
		return os.NewSyscallError("splice", err)
	}
	f.held -= n
	f.count(n)
	if f.held == 0 {
		l.pipes.giveBack(f.pipe, true)
	}
	return nil
}

// fill reads from a side, and writes what it has read, or leaves it in a pipe.
func (l *loop) fill(f *flow, from, to *side) error {
	lent, ok := l.pipes.borrow()
	if !ok {
		return l.fillWithoutPipe(f, from, to)
	}
	f.pipe = lent
	var err error
	if f.bulk && !f.plain && !from.urgent {
		err = f.splice(from)
	} else {
		err = l.relay(f, from, to)
	}
	if f.held == 0 {
		l.pipes.giveBack(lent, true)
	}
	return err
}

// splice moves bytes into the pipe.
func (f *flow) splice(from *side) error {
	n, err := splice(from.fd, f.pipe.write, spliceSize)
	switch {
	case errors.Is(err, unix.EAGAIN):
		from.readable = false
	case errors.Is(err, unix.EINVAL):
		f.plain = true
	case err != nil:
		return os.NewSyscallError("splice", err)
	}
	f.held = max(n, 0)
	// At the end, or at urgent data before it, splice(2) returns 0: a read tells which.
	f.bulk = n >= leastBulk || errors.Is(err, unix.EAGAIN)
	return nil
}

// relay reads into the loop's buffer and writes from it. What the other side does not take goes into the pipe.
func (l *loop) relay(f *flow, from, to *side) error {
	n, err := ignoringEINTR(func() (int, error) { return unix.Read(from.fd, l.scratch) })
	switch {
	case errors.Is(err, unix.EAGAIN):
		from.readable = false
		return nil
	case err != nil:
		return os.NewSyscallError("read", err)
	case n == 0:
		f.eof = true
		return nil
	case n < len(l.scratch) && !from.ended && !from.inParts && !from.urgent:
		from.readable = false // all that was there; what arrives from now on is another event
	}
	f.bulk = n == len(l.scratch)
	written, err := l.write(to, l.scratch[:n])
	f.count(written)
	if err != nil || written == n {
		return err
	}
	// An empty pipe takes that much.
	if f.held, err = ignoringEINTR(func() (int, error) { return unix.Write(f.pipe.write, l.scratch[written:n]) }); err != nil {
		f.held = 0
		return os.NewSyscallError("write", err)
	}
	return nil
}

// fillWithoutPipe moves bytes without a place to hold them: it looks at them, writes them, and removes from the first
// socket as many as the other one has taken.
func (l *loop) fillWithoutPipe(f *flow, from, to *side) error {
	n, err := ignoringEINTR(func() (int, error) {
		n, _, err := unix.Recvfrom(from.fd, l.scratch, unix.MSG_PEEK|unix.MSG_DONTWAIT)
		return n, err
	})
	switch {
	case errors.Is(err, unix.EAGAIN):
		from.readable = false
		return nil
	case err != nil:
		return os.NewSyscallError("recv", err)
	case n == 0:
		f.eof = true
		return nil
	}
	written, err := l.write(to, l.scratch[:n])
	f.count(written)
	for taken := 0; taken < written; {
		n, err := ignoringEINTR(func() (int, error) { return unix.Read(from.fd, l.scratch[taken:written]) })
		if err != nil || n == 0 {
			return os.NewSyscallError("read", err) // it was there
		}
		taken += n
	}
	return err
}

// write writes as much as the socket takes.
func (l *loop) write(to *side, b []byte) (written int, err error) {
	n, err := ignoringEINTR(func() (int, error) { return unix.Write(to.fd, b) })
	if errors.Is(err, unix.EAGAIN) {
		return 0, l.full(to)
	}
	return max(n, 0), os.NewSyscallError("write", err)
}

// full notes that a socket takes no more for now. From the first time on, epoll(7) reports when it does again, at once if it
// does already. Most sockets always take what there is: they have one event less, which would come when they are registered.
func (l *loop) full(s *side) error {
	s.writable = false
	if s.event.Events&unix.EPOLLOUT != 0 {
		return nil
	}
	s.event.Events |= unix.EPOLLOUT
	return os.NewSyscallError("epoll_ctl", unix.EpollCtl(l.epoll, unix.EPOLL_CTL_MOD, s.fd, &s.event))
}

func splice(from, to, most int) (int, error) {
	return ignoringEINTR(func() (int, error) {
		n, err := unix.Splice(from, nil, to, nil, most, unix.SPLICE_F_MOVE|unix.SPLICE_F_NONBLOCK)
		return int(n), err
	})
}

func ignoringEINTR(call func() (int, error)) (int, error) {
	for {
		n, err := call()
		if !errors.Is(err, unix.EINTR) {
			return n, err
		}
	}
}

// socketError returns the error of a socket. Another call may have returned it already.
func socketError(fd int) error {
	number, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ERROR)
	if err == nil && number != 0 {
		return unix.Errno(number)
	}
	return unix.ECONNRESET
}
