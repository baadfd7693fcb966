package streams

import "io"

// Each byte that goes through a Mux costs both ends a share of a processor. So one that can go on at once is neither copied nor
// handed to another goroutine, in either direction.

// Buffer is what data is read into and sent from: see WriteBuffer. With its header, a frame of all of it has MaxData bytes, so that
// what copies 32 KiB at a time on the way, as engines do, does not leave eight bytes for another round.
type Buffer [MaxData]byte

// Data is where the data belongs.
func (b *Buffer) Data() []byte { return b[headerSize:] }

// WriteBuffer is Write of the first n bytes of b.Data. If nothing else waits to be sent, it sends them itself, as one frame. It
// overwrites the rest of b.
func (s *Stream) WriteBuffer(b *Buffer, n int) (int, error) {
	sent, err := s.sendNow(b, n)
	if err != nil || sent == n {
		return sent, err
	}
	rest, err := s.Write(b.Data()[sent:n])
	return sent + rest, err
}

// sendNow sends as many of n bytes as there is credit for. It sends nothing if it were not next.
func (s *Stream) sendNow(b *Buffer, n int) (int, error) {
	m, o := s.mux, &s.out
	m.mu.Lock()
	defer m.mu.Unlock()
	n = min(n, o.allowed)
	if n <= 0 || s.network == UDP || o.writing || o.err() != nil || m.err != nil || m.out.broken || m.out.busy || m.out.due() {
		return 0, nil
	}
	appendHeader(b[:0], kindData, n, s.number)
	o.allowed -= n
	o.writing, m.out.busy = true, true
	m.mu.Unlock()
	_, err := m.to.Write(b[:headerSize+n])
	m.mu.Lock()
	o.writing, m.out.busy = false, err != nil
	o.wake()
	m.out.wake.Signal() // others may have something to send by now
	if err != nil {
		m.breakOff(err)
		return 0, err
	}
	m.out.schedule(s) // an end that was waiting for the data
	return n, nil
}

// A direct writer can also write without waiting.
type direct interface {
	// TryWrite writes what can be written at once, perhaps nothing, which is no error.
	TryWrite(b []byte) (int, error)
}

// setDirect has what comes from now on written to w at once, if w can do that. i.mu is held.
func (i *inState) setDirect(w io.Writer) { i.direct, _ = w.(direct) }

// pass writes the beginning of b, which has just come, to the writer that waits for it. It returns how much that is, and how
// much credit to give for it. i.mu is held.
func (s *Stream) pass(b []byte) (n, grant int) {
	i := &s.in
	if i.direct == nil || i.buffered > 0 || i.failed != nil || i.cut.passed {
		return 0, 0
	}
	n, i.failed = i.direct.TryWrite(b)
	i.passed += int64(n)
	i.buffered += n
	i.starved = true // the writer has waited for it
	return n, s.consume(n)
}
