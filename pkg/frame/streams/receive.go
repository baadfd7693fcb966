package streams

import (
	"io"
	"sync"
	"sync/atomic"
)

// inState is what has come for a stream and was not read yet.
type inState struct {
	mu       sync.Mutex // never held while Mux.mu is taken
	changed  sync.Cond
	chunks   []*chunk // the first one is read, the last one filled
	packets  [][]byte // datagrams
	buffered int      // bytes in chunks, or the cost of packets
	allowed  int      // credit that the other end has left
	window   int      // credit that it has if everything is read
	consumed int      // bytes read for which no credit was given yet
	starved  bool     // a reader has waited since credit was given
	extra    int      // part of window that is taken from the budget
	notice   int      // an errno, for the next Read
	err      error    // after what is buffered; nil while more may come
	closed   bool     // nothing is read any more
	writing  bool     // WriteTo uses the first chunk
	direct   direct   // what WriteTo waits to write to, if that can take data at once
	passed   int64    // bytes that it has taken, which WriteTo does not know of yet
	failed   error    // of direct, for the next claim
	cut      deadline
}

// chunk is a part of a buffer.
type chunk struct {
	from, to int // what is filled and not read
	b        []byte
}

// pools keep chunks that are not in use.
type pools struct{ small, large sync.Pool }

const largeChunk = 64 << 10

func (p *pools) get(more bool) *chunk {
	pool, size := &p.small, InitialCredit
	if more {
		pool, size = &p.large, largeChunk
	}
	c, _ := pool.Get().(*chunk)
	if c == nil {
		c = &chunk{b: make([]byte, size)}
	}
	c.from, c.to = 0, 0
	return c
}

func (p *pools) put(c *chunk) {
	if len(c.b) == largeChunk {
		p.large.Put(c)
	} else {
		p.small.Put(c)
	}
}

// take takes a part of what is left of a budget, for credit of want bytes.
func take(budget *atomic.Int64, want int) int {
	const least, share = 4 << 10, 4
	for {
		left := budget.Load()
		give := min(int64(want), left/share)
		if give < least {
			return 0
		}
		if budget.CompareAndSwap(left, left-give) {
			return int(give)
		}
	}
}

// charge takes n bytes of the other end's credit. It returns false if there is not enough.
func (i *inState) charge(n int, packet bool) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	if packet && i.allowed <= 0 || !packet && n > i.allowed {
		return false
	}
	i.allowed -= n
	return true
}

// add passes data on at once, or appends it.
func (s *Stream) add(b []byte) {
	i := &s.in
	i.mu.Lock()
	n, grant := 0, 0
	if !i.closed && i.err == nil {
		n, grant = s.pass(b)
		s.keep(b[n:])
	}
	i.mu.Unlock()
	s.give(grant, false)
}

// keep appends data. i.mu is held.
func (s *Stream) keep(b []byte) {
	i := &s.in
	if len(b) == 0 {
		return
	}
	i.buffered += len(b)
	for len(b) > 0 {
		last := len(i.chunks) - 1
		if last < 0 || i.chunks[last].to == len(i.chunks[last].b) {
			i.chunks = append(i.chunks, s.mux.pools.get(last >= 0))
			last++
		}
		c := i.chunks[last]
		n := copy(c.b[c.to:], b)
		c.to += n
		b = b[n:]
	}
	i.changed.Signal()
}

// addPacket appends a datagram, or drops it if that would take more memory than there is.
func (s *Stream) addPacket(b []byte) {
	i := &s.in
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.closed || i.err != nil {
		return
	}
	i.packets = append(i.packets, append(make([]byte, 0, len(b)), b...))
	i.buffered += cost(b)
	i.changed.Signal()
}

func (i *inState) note(errno int) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.notice = errno
	i.changed.Signal()
}

// end says that nothing more comes, and why.
func (i *inState) end(err error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.err == nil {
		i.err = err
	}
	i.changed.Broadcast()
}

// wait waits until there is something to read. It returns why there is nothing.
func (i *inState) wait() error {
	for {
		switch {
		case i.closed:
			return ErrClosed
		case i.cut.passed:
			return ErrDeadline
		case i.notice != 0:
			err := &EndedError{Errno: i.notice}
			i.notice = 0
			return err
		case i.failed != nil:
			err := i.failed
			i.failed = nil
			return err
		case i.buffered > 0 && !i.writing:
			return nil
		case i.err != nil && !i.writing:
			return i.err
		}
		i.starved = true
		i.changed.Wait()
	}
}

// consume takes n bytes from the beginning and returns how much credit to give for them. i.mu is held.
func (s *Stream) consume(n int) (grant int) {
	i := &s.in
	i.buffered -= n
	i.consumed += n
	for n > 0 && len(i.chunks) > 0 {
		c := i.chunks[0]
		part := min(n, c.to-c.from)
		c.from += part
		n -= part
		if c.from == c.to {
			i.chunks[0] = nil
			if i.chunks = i.chunks[1:]; len(i.chunks) == 0 {
				i.chunks = nil
			}
			s.mux.pools.put(c)
		}
	}
	if i.err != nil || i.closed || i.consumed < i.window/2 {
		return 0
	}
	grant, i.consumed = i.consumed, 0
	if i.starved && i.window < MaxCredit {
		more := take(&s.mux.budget, min(3*i.window, MaxCredit-i.window))
		i.extra += more
		i.window += more
		grant += more
	}
	i.starved = false
	i.allowed += grant
	return grant
}

// drained reports whether nothing is left to read, and gives the budget back if so.
func (s *Stream) drained() bool {
	i := &s.in
	if !i.closed && (i.err == nil || i.buffered > 0) {
		return false
	}
	s.mux.budget.Add(int64(i.extra))
	i.extra = 0
	return true
}

// Read reads data, or one packet, of which it drops what does not fit; io.Reader.
func (s *Stream) Read(b []byte) (int, error) {
	i := &s.in
	i.mu.Lock()
	err := i.wait()
	n, grant := 0, 0
	switch {
	case err != nil:
	case len(i.packets) > 0:
		packet := i.packets[0]
		i.packets = i.packets[1:]
		n = copy(b, packet)
		grant = s.consume(cost(packet))
	default:
		for n < len(b) && len(i.chunks) > 0 {
			c := i.chunks[0]
			part := copy(b[n:], c.b[c.from:c.to])
			n += part
			grant += s.consume(part)
		}
	}
	done := s.drained()
	i.mu.Unlock()
	s.give(grant, done)
	return n, err
}

// WriteTo writes all data to w until its end, without copying it; io.WriterTo. Each packet is written at once.
func (s *Stream) WriteTo(w io.Writer) (int64, error) {
	total := int64(0)
	for {
		part, passed, err := s.claim(w)
		total += passed
		if err == io.EOF { //nolint:errorlint // it is never wrapped
			return total, nil
		}
		if err != nil {
			return total, err
		}
		n, err := w.Write(part)
		total += int64(n)
		s.unclaim(n, part)
		if err != nil {
			return total, err
		}
	}
}

// Discard reads to the end of the data, and drops it.
func (s *Stream) Discard() {
	for part, _, err := s.claim(nil); err == nil; part, _, err = s.claim(nil) {
		s.unclaim(len(part), part)
	}
}

// claim waits for data and returns the first part of it, which stays until unclaim. What comes meanwhile may go to w at once:
// passed is how much.
func (s *Stream) claim(w io.Writer) (part []byte, passed int64, err error) {
	i := &s.in
	i.mu.Lock()
	i.setDirect(w)
	err = i.wait()
	passed, i.passed, i.direct = i.passed, 0, nil
	if err != nil {
		done := s.drained()
		i.mu.Unlock()
		s.give(0, done)
		return nil, passed, err
	}
	defer i.mu.Unlock()
	i.writing = true
	if len(i.packets) > 0 {
		return i.packets[0], passed, nil
	}
	c := i.chunks[0]
	return c.b[c.from:c.to], passed, nil
}

// unclaim takes n bytes of the claimed part, or the packet.
func (s *Stream) unclaim(n int, part []byte) {
	i := &s.in
	i.mu.Lock()
	grant := 0
	if len(i.packets) > 0 {
		i.packets = i.packets[1:]
		grant = s.consume(cost(part))
	} else {
		grant = s.consume(n)
	}
	i.writing = false
	if i.closed {
		s.drop()
	}
	i.changed.Broadcast()
	done := s.drained()
	i.mu.Unlock()
	s.give(grant, done)
}

// drop forgets what is buffered, unless WriteTo uses it. i.mu is held.
func (s *Stream) drop() {
	i := &s.in
	if i.writing {
		return
	}
	for _, c := range i.chunks {
		s.mux.pools.put(c)
	}
	i.chunks, i.packets, i.buffered = nil, nil, 0
}
