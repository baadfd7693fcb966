package streams

import (
	"context"
	"io"
	"time"
)

// Stream is one connection, listener or question. Its methods may be called at the same time. Whoever has a Stream
// closes it.
type Stream struct {
	mux     *Mux
	number  uint32
	network Network
	address string // what it was opened with
	in      inState
	out     outState // Mux.mu guards it and the rest

	answered    chan struct{} // of a stream that this end has opened: closed when it is answered
	isAnswered  bool
	answer      string // the address of the other end's socket
	refusal     error
	outFinished bool // nothing more is sent
	inFinished  bool // nothing more is read
	otherEnded  bool // the other end sends no more data
	otherDone   bool // the other end has forgotten the stream, or will without another frame
	heardLast   bool // the other end has sent its last frame
	closed      bool // Close or Reset was called
	onOver      func(reset bool)
	onEnd       func()
	wasReset    bool
	arrived     []*Stream // connections of a listener that wait for Next
}

// newStream returns a stream with its first credit. Mux.mu is held.
func newStream(m *Mux, number uint32, network Network, address string) *Stream {
	s := &Stream{mux: m, number: number, network: network, address: address, answered: make(chan struct{})}
	s.in.changed.L = &s.in.mu
	s.out.changed.L = &m.mu
	s.in.allowed, s.in.window, s.out.allowed = InitialCredit, InitialCredit, InitialCredit
	if network.listens() {
		s.in.allowed, s.in.window, s.out.allowed = 0, 0, 0
	}
	return s
}

// OnOver has f called once when the other end has closed or reset the stream, or the Mux has ended. reset is false if what
// has come should still be delivered. f must not wait. It is not called after Close or Reset.
func (s *Stream) OnOver(f func(reset bool)) {
	s.mux.mu.Lock()
	over := s.otherDone || s.mux.err != nil
	reset := s.wasReset || s.mux.err != nil
	if !over && !s.closed {
		s.onOver = f
	}
	s.mux.mu.Unlock()
	if over {
		f(reset)
	}
}

// OnEnd has f called once when the other end has sent the end of its data, by CloseWrite: before what has come is read. f
// must not wait. OnOver tells of every other end.
func (s *Stream) OnEnd(f func()) {
	s.mux.mu.Lock()
	ended := s.otherEnded
	if !ended {
		s.onEnd = f
	}
	s.mux.mu.Unlock()
	if ended {
		f()
	}
}

// Network returns what the stream is connected to.
func (s *Stream) Network() Network { return s.network }

// Address returns the address that the stream was opened with.
func (s *Stream) Address() string { return s.address }

// Number returns the stream's number.
func (s *Stream) Number() uint32 { return s.number }

// Opened waits until the helper has answered, and returns the address of its socket, or why it refused: an EndedError,
// or the error of ctx.
func (s *Stream) Opened(ctx context.Context) (address string, err error) {
	select {
	case <-s.answered:
	case <-ctx.Done():
		return "", ctx.Err()
	}
	s.mux.mu.Lock()
	defer s.mux.mu.Unlock()
	return s.answer, s.refusal
}

// setAnswer says what the helper has answered. Mux.mu is held.
func (s *Stream) setAnswer(address string, refusal error) {
	if !s.isAnswered {
		s.isAnswered, s.answer, s.refusal = true, address, refusal
		close(s.answered)
	}
}

// Accept answers the client: the stream is open. address is that of the helper's socket.
func (s *Stream) Accept(address string) {
	s.reply(kindOpened, []byte(address[:min(len(address), MaxAddress)]))
}

// Refuse answers the client: the stream could not be opened, for a reason that may have a number of Linux.
func (s *Stream) Refuse(errno int, text string) {
	s.reply(kindRefused, append(appendErrno(nil, errno), text[:min(len(text), maxText)]...))
}

func (s *Stream) reply(k kind, payload []byte) {
	m := s.mux
	m.mu.Lock()
	if s.isAnswered || s.otherDone || s.out.resetDue || m.err != nil {
		m.mu.Unlock()
		return
	}
	s.setAnswer("", nil)
	s.out.answerKind, s.out.answer = k, payload
	if k == kindRefused {
		s.otherDone, s.outFinished, s.inFinished = true, true, true
		s.out.done = ErrClosed
	}
	m.out.urge(s)
	m.mu.Unlock()
	if k == kindRefused {
		s.in.end(ErrClosed)
	}
}

// Write sends data; io.Writer. It returns when everything has been handed to the Mux. Of a UDP stream it sends one
// packet, or drops it if the other end has given no credit, and does not wait.
func (s *Stream) Write(b []byte) (int, error) {
	m, o := s.mux, &s.out
	m.mu.Lock()
	defer m.mu.Unlock()
	if s.network == UDP {
		return s.writePacket(b)
	}
	for o.writing {
		if err := o.err(); err != nil {
			return 0, err
		}
		o.changed.Wait()
	}
	if err := o.err(); err != nil || len(b) == 0 {
		return 0, err
	}
	o.writing, o.data = true, b
	m.out.schedule(s)
	var err error
	for len(o.data) > 0 && err == nil {
		o.changed.Wait()
		err = o.err()
	}
	n := len(b) - len(o.data)
	o.writing, o.data = false, nil
	m.out.schedule(s) // an end that was waiting for the data
	o.wake()
	if n == len(b) {
		err = nil
	}
	return n, err
}

// err returns why nothing can be written.
func (o *outState) err() error {
	switch {
	case o.done != nil:
		return o.done
	case o.cut.passed:
		return ErrDeadline
	case o.end != endNone:
		return ErrClosed
	}
	return nil
}

func (s *Stream) writePacket(b []byte) (int, error) {
	o := &s.out
	if err := o.err(); err != nil {
		return 0, err
	}
	if len(b) > MaxData {
		return 0, &EndedError{Errno: errnoMessageSize, Text: "message too long"}
	}
	if o.allowed-o.queued > 0 {
		o.packets = append(o.packets, append(make([]byte, 0, len(b)), b...))
		o.queued += cost(b)
		s.mux.out.schedule(s)
	}
	return len(b), nil
}

// errnoMessageSize is EMSGSIZE of Linux.
const errnoMessageSize = 90

// Room waits until there is credit to send, and returns how much: an end that reads only then holds nothing while the
// other end does not read.
func (s *Stream) Room() (int, error) {
	m, o := s.mux, &s.out
	m.mu.Lock()
	defer m.mu.Unlock()
	for {
		if err := o.err(); err != nil {
			return 0, err
		}
		if o.allowed > 0 && len(o.data) == 0 || s.network == UDP {
			return o.allowed, nil
		}
		o.changed.Wait()
	}
}

// Notice tells the other end of a UDP stream that a packet was not delivered.
func (s *Stream) Notice(errno int) {
	s.mux.mu.Lock()
	defer s.mux.mu.Unlock()
	if s.out.done == nil {
		s.out.notice = errno
		s.mux.out.urge(s)
	}
}

// CloseWrite sends the end of the data, after what was written. After SetWriteDeadline with a time that has passed, it does not
// wait for a Write that has no credit: that fails.
func (s *Stream) CloseWrite() error {
	s.mux.mu.Lock()
	defer s.mux.mu.Unlock()
	if err := s.out.done; err != nil {
		if err == ErrClosed { //nolint:errorlint // it is never wrapped
			return nil
		}
		return err
	}
	if s.out.end == endNone {
		s.out.end = endHalf
		s.mux.out.schedule(s)
	}
	return nil
}

// Close ends both directions: what was written is delivered, and nothing is read any more. The second call does nothing.
func (s *Stream) Close() error {
	s.finish(func() {
		switch {
		case s.outFinished && s.otherEnded: // the other end knows
		case s.isAnswered || s.network == Accepted:
			s.out.end = endWhole
			s.mux.out.schedule(s)
		default:
			s.resetNow(0)
		}
	})
	return nil
}

// Reset ends both directions at once. What is under way may be lost, and the other end learns errno, which may be 0.
func (s *Stream) Reset(errno int) { s.finish(func() { s.resetNow(errno) }) }

// resetNow sends a reset. Mux.mu is held.
func (s *Stream) resetNow(errno int) {
	s.out.end, s.out.packets = endNone, nil
	s.out.resetDue, s.out.resetErrno = true, errno
	s.mux.out.urge(s)
}

// finish ends reading, and calls say if the other end has to learn that. Mux.mu is held then.
func (s *Stream) finish(say func()) {
	i := &s.in
	i.mu.Lock()
	i.closed = true
	i.cut.stop()
	s.drop()
	s.drained()
	i.changed.Broadcast()
	i.mu.Unlock()
	for _, a := range s.finishBoth(say) {
		a.Reset(0)
	}
}

// finishBoth returns the connections of a listener that nobody has taken.
func (s *Stream) finishBoth(say func()) (arrived []*Stream) {
	m := s.mux
	m.mu.Lock()
	defer m.mu.Unlock()
	if s.closed {
		return nil
	}
	arrived, s.arrived = s.arrived, nil
	s.closed, s.inFinished, s.onOver = true, true, nil
	s.out.cut.stop()
	if s.otherDone || m.err != nil {
		s.out.end, s.out.packets = endNone, nil
	} else {
		say()
	}
	if s.out.done == nil {
		s.out.done = ErrClosed
	}
	s.outFinished = true
	s.setAnswer("", ErrClosed)
	s.out.wake()
	s.releaseIfFinished()
	return arrived
}

// releaseIfFinished forgets the stream if nothing is left to do for it. Mux.mu is held.
func (s *Stream) releaseIfFinished() {
	if s.inFinished && s.outFinished && s.out.end == endNone && !s.out.resetDue && s.out.answer == nil {
		s.mux.release(s)
	}
}

// give gives the other end credit. done says that nothing is left to read.
func (s *Stream) give(credit int, done bool) {
	if credit == 0 && !done {
		return
	}
	m := s.mux
	m.mu.Lock()
	defer m.mu.Unlock()
	if done && !s.inFinished {
		s.inFinished = true
		s.releaseIfFinished()
	}
	if credit > 0 && !s.otherDone && !s.closed && m.err == nil {
		s.out.credit += credit
		m.out.urge(s)
	}
}

// SetReadDeadline sets when Read and WriteTo return ErrDeadline; zero for never.
func (s *Stream) SetReadDeadline(t time.Time) {
	s.in.mu.Lock()
	defer s.in.mu.Unlock()
	s.in.cut.setTo(t, &s.in.changed)
}

// SetWriteDeadline sets when Write returns ErrDeadline; zero for never.
func (s *Stream) SetWriteDeadline(t time.Time) {
	s.mux.mu.Lock()
	defer s.mux.mu.Unlock()
	s.out.cut.setTo(t, &s.out.changed)
}

var _ io.WriterTo = (*Stream)(nil)
