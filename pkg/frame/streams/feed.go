package streams

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"time"
)

// parser has the part of a frame that has come.
type parser struct {
	version bool // the first frame has come
	header  [headerSize]byte
	have    int // bytes of the header
	kind    kind
	number  uint32
	left    int     // bytes of the payload that have not come
	to      *Stream // of data; nil if nobody reads it
	payload []byte  // of other frames
}

// Write takes the next bytes from the other end; io.Writer. It does not wait for anything but locks. An error ends all
// streams.
func (m *Mux) Write(b []byte) (int, error) {
	m.heard.Store(int64(time.Since(m.began)))
	p := &m.parser
	for rest := b; len(rest) > 0; {
		if p.have < headerSize {
			n := copy(p.header[p.have:], rest)
			p.have += n
			rest = rest[n:]
			if p.have < headerSize {
				break
			}
			if err := m.beginFrame(); err != nil {
				m.End(err)
				return 0, err
			}
		}
		n := min(len(rest), p.left)
		if p.kind != kindData {
			p.payload = append(p.payload, rest[:n]...)
		} else if p.to != nil && n > 0 {
			p.to.add(rest[:n])
		}
		rest = rest[n:]
		if p.left -= n; p.left > 0 {
			break
		}
		p.have, p.to = 0, nil
		if err := m.endFrame(); err != nil {
			m.End(err)
			return 0, err
		}
	}
	if err := m.Err(); err != nil {
		return 0, err
	}
	return len(b), nil
}

// Feed reads from the other end until that ends or breaks the protocol, and ends the Mux with the error.
func (m *Mux) Feed(from io.Reader) error {
	buf := make([]byte, 2*MaxData)
	for {
		n, err := from.Read(buf)
		if n > 0 {
			if _, err := m.Write(buf[:n]); err != nil {
				return err
			}
		}
		if err != nil {
			m.End(err)
			return err
		}
	}
}

// violation is the error of an end that breaks the protocol.
func violation(format string, args ...any) error {
	return fmt.Errorf("the other end breaks the protocol of streams: "+format, args...)
}

// beginFrame checks a header.
func (m *Mux) beginFrame() error {
	p := &m.parser
	p.kind = kind(p.header[0])
	p.left = int(binary.BigEndian.Uint32(p.header[0:]) & (1<<24 - 1))
	p.number = binary.BigEndian.Uint32(p.header[4:])
	p.payload = p.payload[:0]
	least, most, known := p.kind.lengths()
	switch {
	case !p.version && p.kind != kindVersion:
		return violation("it does not begin with the version, but with %q", p.header[:])
	case !known:
		return violation("a frame of unknown kind %#x", byte(p.kind))
	case p.left < least || p.left > most:
		return violation("a frame of kind %c with %d bytes", p.kind, p.left)
	}
	if p.kind != kindData && p.kind != kindDatagram {
		return nil
	}
	s, err := m.find(p.number)
	if err != nil || s == nil {
		return err
	}
	isPacket := p.kind == kindDatagram
	if isPacket != (s.network == UDP) || s.network.listens() {
		return violation("data of the wrong kind")
	}
	takes := p.left
	if isPacket {
		takes += cost(nil)
	}
	if s.ended() || !s.in.charge(takes, isPacket) {
		return violation("data after its end, or without credit")
	}
	p.to = s
	return nil
}

// endFrame carries a frame out.
func (m *Mux) endFrame() error {
	p := &m.parser
	switch p.kind {
	case kindData:
		return nil
	case kindVersion:
		return m.endVersion(p.payload)
	case kindAlive:
		return nil
	case kindGone:
		m.mu.Lock()
		defer m.mu.Unlock()
		if !m.goneHeard {
			m.goneHeard, m.goneSaid, m.goneText = true, true, string(p.payload)
			close(m.gone)
		}
		return nil
	case kindOpen:
		return m.opened(p.number, p.payload)
	}
	s, err := m.find(p.number)
	if err != nil || s == nil {
		return err
	}
	switch p.kind {
	case kindDatagram:
		s.addPacket(p.payload)
	case kindNotice:
		s.in.note(errnoOf(p.payload))
	case kindOpened, kindRefused:
		return s.answeredWith(p.kind, p.payload)
	case kindCredit:
		return s.credited(binary.BigEndian.Uint32(p.payload))
	case kindEnd:
		return s.endedWith(p.payload[0])
	case kindReset:
		s.over(&EndedError{Errno: errnoOf(p.payload)})
	}
	return nil
}

func errnoOf(b []byte) int { return int(binary.BigEndian.Uint16(b)) }

func (m *Mux) endVersion(payload []byte) error {
	p := &m.parser
	switch {
	case p.version:
		return violation("a second version")
	case !bytes.HasPrefix(payload, []byte(magic)):
		return violation("it begins with %q", payload)
	case payload[len(magic)] != Version:
		return fmt.Errorf("the other end speaks version %d of the protocol of streams, this one version %d", payload[len(magic)], Version)
	}
	p.version = true
	close(m.hello)
	return nil
}

// find returns the stream of a number; nil if it has ended. A number that was never used is an error.
func (m *Mux) find(number uint32) (*Stream, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if s := m.streams[number]; s != nil {
		if s.heardLast {
			return nil, violation("a frame of stream %d after its end", number)
		}
		return s, nil
	}
	own := number%2 == m.next%2
	if number == 0 || own && number >= m.next || !own && number > m.last {
		return nil, violation("a frame of stream %d, which was never opened", number)
	}
	return nil, nil
}

// opened is called when the other end opens a stream.
func (m *Mux) opened(number uint32, payload []byte) error {
	network := Network(payload[0])
	address := payload[1:]
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case m.err != nil:
		return m.err // nothing is served any more: see WaitServed
	case number%2 == m.next%2 || number <= m.last:
		return violation("it opens stream %d after %d", number, m.last)
	case !network.known() || (network == Accepted) == (m.role == Helper):
		return violation("it opens a stream of network %q", network)
	}
	m.last = number
	if m.role == Client {
		return m.openedByHelper(number, address)
	}
	if len(address) > MaxAddress {
		return violation("an address of %d bytes", len(address))
	}
	if len(m.streams) >= m.limit {
		m.reachLimit()
		m.out.refused = append(m.out.refused, number)
		return m.answerSoon()
	}
	s := newStream(m, number, network, string(address))
	m.streams[number] = s
	m.serving.Go(func() { m.serve(s) })
	return nil
}

// openedByHelper takes a connection of a listener. m.mu is held.
func (m *Mux) openedByHelper(number uint32, address []byte) error {
	if len(address) < numberSize {
		return violation("a connection without a listener")
	}
	of := binary.BigEndian.Uint32(address)
	l := m.streams[of]
	if l == nil && of%2 == m.next%2 && of < m.next || l != nil && l.closed {
		m.out.unknown = append(m.out.unknown, number) // the listener was closed meanwhile
		return m.answerSoon()
	}
	if l == nil || !l.network.listens() || !l.in.charge(1, false) {
		return violation("a connection of listener %d, which there is no credit for", of)
	}
	if len(m.streams) >= m.limit {
		m.reachLimit()
		m.out.unknown = append(m.out.unknown, number)
		return m.answerSoon()
	}
	s := newStream(m, number, Accepted, string(address[numberSize:]))
	m.streams[number] = s
	l.arrived = append(l.arrived, s)
	l.out.wake()
	return nil
}

func (m *Mux) answerSoon() error {
	if len(m.out.unknown)+len(m.out.refused) > maxAnswers {
		return violation("it opens connections and reads no answers")
	}
	m.out.wake.Signal()
	return nil
}

// ended reports whether the other end has said that it sends no more.
func (s *Stream) ended() bool {
	s.mux.mu.Lock()
	defer s.mux.mu.Unlock()
	return s.otherEnded
}

func (s *Stream) answeredWith(k kind, payload []byte) error {
	m := s.mux
	m.mu.Lock()
	wrong := s.number%2 != m.next%2 || s.isAnswered && !s.closed || s.network == Accepted
	if !wrong && k == kindOpened {
		s.setAnswer(string(payload), nil)
	}
	m.mu.Unlock()
	switch {
	case wrong:
		return violation("an answer for stream %d", s.number)
	case k == kindRefused:
		s.over(&EndedError{Errno: errnoOf(payload), Text: string(payload[errnoSize:])})
	}
	return nil
}

func (s *Stream) credited(n uint32) error {
	s.mux.mu.Lock()
	defer s.mux.mu.Unlock()
	const most = MaxCredit + 2*MaxData
	if int64(n) > most || s.out.allowed+int(n) > most {
		return violation("credit of %d bytes", n)
	}
	s.out.allowed += int(n)
	s.mux.out.schedule(s)
	s.out.wake() // Room
	return nil
}

// endedWith takes the end of the other end's data, and of its reading if how is 1.
func (s *Stream) endedWith(how byte) error {
	m := s.mux
	m.mu.Lock()
	again := s.otherEnded && how == 0
	s.otherEnded = true
	onEnd := s.onEnd
	s.onEnd = nil
	m.mu.Unlock()
	switch {
	case again || how > 1:
		return violation("a second end of stream %d", s.number)
	case how == 1:
		s.overWith(io.EOF, ErrUnread)
	default:
		s.in.end(io.EOF)
		s.finishReading()
		if onEnd != nil {
			onEnd()
		}
	}
	return nil
}

// finishReading forgets what is forgotten when everything is read, if everything is already.
func (s *Stream) finishReading() {
	s.in.mu.Lock()
	done := s.drained()
	s.in.mu.Unlock()
	s.give(0, done)
}

// over ends the stream: the other end has forgotten it.
func (s *Stream) over(err error) { s.overWith(err, err) }

func (s *Stream) overWith(readErr, writeErr error) {
	s.in.end(readErr)
	m := s.mux
	m.mu.Lock()
	s.otherDone, s.otherEnded, s.heardLast, s.outFinished = true, true, true, true
	if s.out.done == nil {
		s.out.done = writeErr
	}
	s.setAnswer("", writeErr)
	o := &s.out
	o.end, o.packets, o.resetDue, o.answer, o.credit, o.notice = endNone, nil, false, nil, 0, 0
	o.wake()
	s.wasReset = readErr != io.EOF //nolint:errorlint // it is never wrapped
	onOver := s.onOver
	s.onOver = nil
	s.releaseIfFinished()
	m.mu.Unlock()
	if onOver != nil {
		onOver(s.wasReset)
	}
	s.finishReading()
}

func (s *Stream) takeOnOver() func(reset bool) {
	s.mux.mu.Lock()
	defer s.mux.mu.Unlock()
	f := s.onOver
	s.onOver = nil
	return f
}
