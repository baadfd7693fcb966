// Package pump copies bytes between pairs of connections in both directions. On Linux, pairs of sockets of this machine
// need neither a goroutine nor a thread each.
package pump

import (
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
)

// Counts are numbers of bytes: from the first connection of a pair to the second one, and back.
type Counts struct{ Sent, Received atomic.Int64 }

// Pump copies between any number of pairs of connections.
type Pump struct {
	// Report, if not nil, is called when a limit of the system makes copying slower or more expensive, once for each
	// cause. It must be set before the first Join, and must not block.
	Report func(error)
	// Counts counts the bytes of all pairs while they move. It may be replaced before the first Join.
	Counts *Counts
	// Pipes is how many pipes hold bytes that their readers do not take yet; bytes for others stay in their sockets. 0
	// stands for 64. A pipe is two open files. It may be set before the first Join.
	Pipes int

	mu       sync.Mutex
	closed   bool
	reported map[string]bool
	copies   map[*copying]struct{}
	ended    sync.WaitGroup // of the loops and the calls of done
	loops    loops
}

// New returns a Pump. It starts nothing until the first Join.
func New() *Pump {
	return &Pump{Counts: &Counts{}, reported: map[string]bool{}, copies: map[*copying]struct{}{}}
}

// Join takes both connections over, and copies until both have ended or one is broken. Then it closes both and calls
// done, once. done must not wait: it may be called by what copies other connections. The caller must not use the connections after
// Join.
//
// The end of one direction is passed on as the end of one direction (shutdown(2) with SHUT_WR). A connection that is
// reset, or fails otherwise, resets the other one (SO_LINGER of zero), after what had arrived from it was written as
// far as the other one takes it at once. UNIX sockets cannot be reset: they are closed.
//
// sent counts the bytes from a that were written to b, received those from b that were written to a. err is nil if both
// directions ended regularly. It is net.ErrClosed if Close ended the pair; otherwise it wraps a syscall.Errno, or
// what the connection's methods return.
func (p *Pump) Join(a, b net.Conn, done func(sent, received int64, err error)) {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		_ = a.Close()
		_ = b.Close()
		done(0, 0, net.ErrClosed)
		return
	}
	p.ended.Add(1)
	p.mu.Unlock()
	last := func(sent, received int64, err error) {
		defer p.ended.Done()
		done(sent, received, err)
	}
	if !p.adopt(a, b, last) {
		p.copy(polled(a), polled(b), last)
	}
}

// Close ends all pairs. What has arrived is written as far as the connections take it at once, then all get their
// end (FIN). It returns when each done has returned.
func (p *Pump) Close() error {
	p.mu.Lock()
	p.closed = true
	for c := range p.copies {
		c.close()
	}
	p.mu.Unlock()
	p.stopLoops()
	p.ended.Wait()
	return nil
}

// report calls Report, once for each subject. Too few open files are one.
func (p *Pump) report(subject string, err error) {
	if errors.Is(err, syscall.EMFILE) {
		subject = "files"
	}
	p.mu.Lock()
	first := !p.reported[subject]
	p.reported[subject] = true
	p.mu.Unlock()
	if first && p.Report != nil {
		p.Report(err)
	}
}
