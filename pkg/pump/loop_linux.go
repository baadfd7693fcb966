package pump

import (
	"errors"
	"net"
	"os"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// loop moves the bytes of its links in one goroutine. With few links, it waits in epoll_wait(2), which takes the least time for
// each event. With many, it waits in the poller of the Go runtime, which saves the wake-up of a thread for each.
type loop struct {
	epoll, wake int
	polled      *os.File // epoll, in the poller of the Go runtime; nil if it is not there
	calm        int      // how many times in sequence there were few links
	scratch     []byte
	pipes       *pipes
	again       []*link // links that have another turn
	stopped     chan struct{}

	mu      sync.Mutex
	closing bool
	number  int     // of links
	links   []*link // by slot
	rounds  []int32 // of each slot: how many links it has had, so that events of a former one are recognized
	free    []int   // slots
}

const (
	wakeEvent = -1
	few       = 4   // links
	calmFor   = 100 // waits
)

func newLoop(pipes *pipes) (*loop, error) {
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	wake, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		_ = unix.Close(epoll)
		return nil, os.NewSyscallError("eventfd", err)
	}
	if err := unix.EpollCtl(epoll, unix.EPOLL_CTL_ADD, wake, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: wakeEvent}); err != nil {
		_ = unix.Close(epoll)
		_ = unix.Close(wake)
		return nil, os.NewSyscallError("epoll_ctl", err)
	}
	return &loop{epoll: epoll, wake: wake, scratch: make([]byte, scratchSize), pipes: pipes, stopped: make(chan struct{})}, nil
}

// add registers a link. From then on it belongs to the loop. epoll(7) reports at once what there is to read. Whether a socket
// takes bytes is tried: see full.
func (l *loop) add(k *link) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closing {
		return net.ErrClosed
	}
	if n := len(l.free); n > 0 {
		k.slot = l.free[n-1]
		l.free = l.free[:n-1]
	} else {
		k.slot = len(l.links)
		l.links = append(l.links, nil)
		l.rounds = append(l.rounds, 0)
	}
	for i := range k.sides {
		s := &k.sides[i]
		s.writable = true
		s.event = unix.EpollEvent{
			Events: unix.EPOLLIN | unix.EPOLLPRI | unix.EPOLLRDHUP | unix.EPOLLET&0xffffffff,
			Fd:     int32(2*k.slot + i), Pad: l.rounds[k.slot],
		}
		if err := unix.EpollCtl(l.epoll, unix.EPOLL_CTL_ADD, s.fd, &s.event); err != nil {
			if i == 1 { // the caller's connection keeps the first socket open, and so in the instance
				_ = unix.EpollCtl(l.epoll, unix.EPOLL_CTL_DEL, k.sides[0].fd, nil)
			}
			l.rounds[k.slot]++
			l.free = append(l.free, k.slot)
			return os.NewSyscallError("epoll_ctl", err)
		}
	}
	l.links[k.slot] = k
	l.number++
	return nil
}

// run moves bytes until the Pump is closed.
func (l *loop) run() {
	defer close(l.stopped)
	const most = 128
	events := make([]unix.EpollEvent, most)
	var now []*link
	for {
		n, err := l.wait(events, len(l.again) == 0)
		if err != nil || l.isClosing() {
			l.end()
			return
		}
		now = append(now[:0], l.again...)
		l.again = l.again[:0]
		for _, event := range events[:n] {
			if k := l.note(event); k != nil && !k.queued {
				k.queued = true
				now = append(now, k)
			}
		}
		for _, k := range now {
			k.queued = false
			more, err := l.turn(k)
			if err != nil || k.flows[0].ended && k.flows[1].ended {
				l.finish(k, err)
			} else if more {
				k.queued = true
				l.again = append(l.again, k)
			}
		}
		clear(now) // so that links that have ended are freed
	}
}

// wait returns how many events there are; with block it waits for one.
func (l *loop) wait(events []unix.EpollEvent, block bool) (n int, err error) {
	look := func(timeout int) (int, error) {
		return ignoringEINTR(func() (int, error) { return unix.EpollWait(l.epoll, events, timeout) })
	}
	if !block {
		return look(0)
	}
	waiting := l.poller()
	if waiting == nil {
		return look(-1)
	}
	waited := waiting.Read(func(uintptr) bool {
		n, err = look(0)
		return n != 0 || err != nil
	})
	if waited != nil { // the runtime's poller does not take it
		return look(-1)
	}
	return n, err
}

// poller puts the epoll(7) instance into the poller of the Go runtime if there are many links, and removes it from there once
// there were few for a while: as long as it is there, each event wakes two threads. It returns nil if it is not there.
func (l *loop) poller() syscall.RawConn {
	l.mu.Lock()
	number := l.number
	l.mu.Unlock()
	if number > few {
		l.calm = 0
	} else {
		l.calm++
	}
	if l.polled == nil && number > few {
		again, err := unix.FcntlInt(uintptr(l.epoll), unix.F_DUPFD_CLOEXEC, 0)
		if err != nil {
			return nil
		}
		_ = unix.SetNonblock(again, true) // so that os.NewFile puts it there
		l.polled = os.NewFile(uintptr(again), "epoll")
	}
	if l.polled != nil && l.calm > calmFor {
		_ = l.polled.Close()
		l.polled = nil
	}
	if l.polled == nil {
		return nil
	}
	waiting, err := l.polled.SyscallConn()
	if err != nil {
		return nil
	}
	return waiting
}

func (l *loop) isClosing() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.closing
}

// note records what an event says, and returns its link. It returns nil for a link that has ended.
func (l *loop) note(event unix.EpollEvent) *link {
	l.mu.Lock()
	defer l.mu.Unlock()
	slot := int(event.Fd / 2)
	if event.Fd == wakeEvent || l.rounds[slot] != event.Pad || l.links[slot] == nil {
		return nil
	}
	k := l.links[slot]
	s := &k.sides[event.Fd%2]
	const end = unix.EPOLLRDHUP | unix.EPOLLHUP | unix.EPOLLERR
	s.readable = s.readable || event.Events&(unix.EPOLLIN|end) != 0
	s.writable = s.writable || event.Events&(unix.EPOLLOUT|unix.EPOLLHUP|unix.EPOLLERR) != 0
	s.ended = s.ended || event.Events&end != 0
	s.urgent = s.urgent || event.Events&unix.EPOLLPRI != 0
	s.failed = s.failed || event.Events&unix.EPOLLERR != 0
	return k
}

// finish closes a link's sockets. If err is not nil, their peers get a reset, unless the Pump is closed.
func (l *loop) finish(k *link, err error) {
	for i := range k.flows {
		if f := &k.flows[i]; f.held > 0 {
			l.pipes.giveBack(f.pipe, false)
			f.held = 0
		}
	}
	l.mu.Lock()
	l.links[k.slot] = nil
	l.number--
	l.rounds[k.slot]++
	l.free = append(l.free, k.slot)
	for _, s := range k.sides {
		switch {
		case errors.Is(err, net.ErrClosed):
			_ = unix.Shutdown(s.fd, unix.SHUT_WR)
		case err != nil:
			_ = unix.SetsockoptLinger(s.fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
		}
		_ = unix.Close(s.fd)
	}
	l.mu.Unlock()
	k.done(k.flows[0].moved, k.flows[1].moved, err)
}

// end ends all links, and closes the loop's descriptors.
func (l *loop) end() {
	l.mu.Lock()
	l.closing = true
	links := append([]*link(nil), l.links...)
	l.mu.Unlock()
	for _, k := range links {
		if k != nil {
			_, _ = l.turn(k)
			l.finish(k, net.ErrClosed)
		}
	}
	_ = l.polled.Close() // which may be nil
	_ = unix.Close(l.epoll)
	_ = unix.Close(l.wake)
}
