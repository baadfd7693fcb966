package streams

import (
	"encoding/binary"
	"sync"
	"time"
)

// outgoing has what waits to be sent. Mux.mu guards it.
type outgoing struct {
	wake sync.Cond // of the goroutine that sends
	idle sync.Cond // signaled when nothing is left to send
	busy bool      // something is being written, or writing has failed
	// broken says that writing has failed.
	broken bool
	// failed says that nothing can be sent any more, and that the Mux ends soon.
	failed bool

	urgent   []*Stream // have something to send that needs no credit
	ready    []*Stream // have data to send and credit for it, or an end; the next in turn first
	unknown  []uint32  // numbers of streams of the other end that are answered with reset
	refused  []uint32  // numbers of streams of the other end that exceed the limit
	version  bool      // was sent
	alive    bool
	gone     bool
	goneSent bool
	goneText string
}

// maxBatch is how much is written at once; more only of what needs no credit.
const maxBatch = 256 << 10

// maxAnswers is how many answers to frames that no stream is kept for may wait. An end that sends more before it
// reads them breaks the protocol.
const maxAnswers = 4 * Limit

func (o *outgoing) begin(mu *sync.Mutex) { o.wake.L, o.idle.L = mu, mu }

func (o *outgoing) due() bool {
	return len(o.urgent) > 0 || len(o.ready) > 0 || len(o.unknown) > 0 || len(o.refused) > 0 || !o.version || o.alive ||
		o.gone && !o.goneSent
}

// urge has s send what needs no credit.
func (o *outgoing) urge(s *Stream) {
	if !s.out.urgent {
		s.out.urgent = true
		o.urgent = append(o.urgent, s)
		o.wake.Signal()
	}
}

// schedule has s send data, if it has any and credit for it, or its end.
func (o *outgoing) schedule(s *Stream) {
	if !s.out.ready && s.out.canSend() {
		s.out.ready = true
		o.ready = append(o.ready, s)
		o.wake.Signal()
	}
}

// send writes frames until the Mux has ended. But for WriteBuffer, it is the only goroutine that waits for the other end to
// read.
func (m *Mux) send() {
	batch := make([]byte, 0, maxBatch+headerSize+MaxData)
	m.mu.Lock()
	defer m.mu.Unlock()
	for {
		for m.err == nil && !m.out.broken && (m.out.busy || !m.out.due()) {
			if !m.out.busy {
				m.out.idle.Broadcast()
			}
			m.out.wake.Wait()
		}
		if m.err != nil || m.out.broken {
			return
		}
		m.out.busy = true
		batch = m.fill(batch[:0])
		m.mu.Unlock()
		_, err := m.to.Write(batch)
		m.mu.Lock()
		if err != nil {
			m.breakOff(err)
			return
		}
		m.out.busy = false
		if cap(batch) > 2*maxBatch {
			batch = make([]byte, 0, maxBatch+headerSize+MaxData)
		}
	}
}

// breakOff notes that nothing can be written any more. m.mu is held.
func (m *Mux) breakOff(err error) {
	m.out.broken = true
	m.endSoon(err)
}

// lastWords is how long what the other end has said may take to come once nothing can be sent to it any more, and how long what
// this end says last may take to be sent.
const lastWords = 5 * time.Second

// endSoon ends the Mux after lastWords, for example because a frame could not be sent. An end that has ended may have said
// why before, which counts: so it is the end of what it has sent that ends the Mux, if that comes in time. m.mu is held.
func (m *Mux) endSoon(err error) {
	if m.err == nil {
		m.out.failed = true
		m.watch.Stop()
		m.watch = time.AfterFunc(lastWords, func() { m.End(err) })
	}
}

// fill appends the next frames to batch: what needs no credit first, then data of one stream after the other.
func (m *Mux) fill(batch []byte) []byte {
	o := &m.out
	if !o.version {
		o.version = true
		batch = append(appendHeader(batch, kindVersion, len(magic)+1, 0), magic...)
		batch = append(batch, Version)
	}
	if o.alive {
		o.alive = false
		batch = appendHeader(batch, kindAlive, 0, 0)
	}
	if o.gone && !o.goneSent { // before the refusals that it explains
		o.goneSent = true
		batch = append(appendHeader(batch, kindGone, len(o.goneText), 0), o.goneText...)
	}
	for _, number := range o.refused {
		batch = appendHeader(batch, kindRefused, errnoSize+len(ErrLimit.Error()), number)
		batch = append(appendErrno(batch, errnoTooMany), ErrLimit.Error()...)
	}
	for _, number := range o.unknown {
		batch = appendErrno(appendHeader(batch, kindReset, errnoSize, number), 0)
	}
	o.refused, o.unknown = o.refused[:0], o.unknown[:0]
	for i, s := range o.urgent {
		o.urgent[i] = nil
		s.out.urgent = false
		batch = s.appendUrgent(batch)
	}
	o.urgent = o.urgent[:0]
	for len(batch) < maxBatch && len(o.ready) > 0 {
		s := o.ready[0]
		o.ready[0] = nil
		o.ready = o.ready[1:]
		s.out.ready = false
		batch = s.appendData(batch)
		o.schedule(s) // at the end, if it has more
	}
	return batch
}

// outState is what a stream has to send. Mux.mu guards it.
type outState struct {
	urgent, ready bool // in the list of that name

	answer     []byte // the payload of open, opened or refused; nil if none is due
	answerKind kind
	credit     int // to give to the other end
	notice     int // an errno; 0 for none
	resetDue   bool
	resetErrno int

	allowed int       // credit for data; it may be negative after a datagram
	data    []byte    // of the Write that is under way
	writing bool      // a Write is under way
	packets [][]byte  // datagrams
	queued  int       // their size
	end     endKind   // is due
	done    error     // why nothing can be sent any more; nil if it can
	changed sync.Cond // a Write has made progress, or the state has changed
	cut     deadline
}

type endKind byte

const (
	endNone endKind = iota
	endHalf
	endWhole
)

func (o *outState) wake() { o.changed.Broadcast() }

// canSend reports whether appendData has anything to append.
func (o *outState) canSend() bool {
	switch {
	case len(o.packets) > 0:
		return true // without credit they are dropped
	case len(o.data) > 0 && o.done == nil:
		return o.allowed > 0
	}
	return o.end != endNone
}

// appendUrgent appends what needs no credit. Mux.mu is held.
func (s *Stream) appendUrgent(batch []byte) []byte {
	o := &s.out
	if o.answer != nil {
		batch = append(appendHeader(batch, o.answerKind, len(o.answer), s.number), o.answer...)
		o.answer = nil
		if o.answerKind == kindRefused {
			s.releaseIfFinished()
			return batch
		}
	}
	if o.resetDue {
		o.resetDue = false
		s.releaseIfFinished()
		return appendErrno(appendHeader(batch, kindReset, errnoSize, s.number), o.resetErrno)
	}
	if o.notice != 0 {
		batch = appendErrno(appendHeader(batch, kindNotice, errnoSize, s.number), o.notice)
		o.notice = 0
	}
	if o.credit > 0 && !s.closed {
		batch = appendNumber(appendHeader(batch, kindCredit, numberSize, s.number), uint32(o.credit))
		o.credit = 0
	}
	return batch
}

// appendData appends a frame of data, a packet or the end. Mux.mu is held.
func (s *Stream) appendData(batch []byte) []byte {
	o := &s.out
	switch {
	case len(o.packets) > 0:
		packet := o.packets[0]
		o.packets = o.packets[1:]
		o.queued -= cost(packet)
		if o.allowed > 0 {
			o.allowed -= cost(packet)
			batch = append(appendHeader(batch, kindDatagram, len(packet), s.number), packet...)
		}
	case len(o.data) > 0 && o.done == nil:
		n := min(len(o.data), o.allowed, MaxData)
		if n <= 0 {
			return batch
		}
		batch = append(appendHeader(batch, kindData, n, s.number), o.data[:n]...)
		o.data = o.data[n:]
		o.allowed -= n
		if len(o.data) == 0 {
			o.wake()
		}
	case o.end != endNone:
		how := byte(o.end - endHalf)
		batch = append(appendHeader(batch, kindEnd, 1, s.number), how)
		o.end = endNone
		s.finishOut(ErrClosed)
	}
	return batch
}

// finishOut says that nothing more is sent. Mux.mu is held.
func (s *Stream) finishOut(err error) {
	if s.out.done == nil {
		s.out.done = err
	}
	s.outFinished = true
	s.out.wake()
	s.releaseIfFinished()
}

// cost is how much credit a packet takes.
func cost(packet []byte) int {
	const overhead = 64 // of a queue
	return len(packet) + overhead
}

func appendHeader(b []byte, k kind, length int, number uint32) []byte {
	return binary.BigEndian.AppendUint32(append(b, byte(k), byte(length>>16), byte(length>>8), byte(length)), number)
}

func appendNumber(b []byte, n uint32) []byte { return binary.BigEndian.AppendUint32(b, n) }

func appendErrno(b []byte, errno int) []byte { return binary.BigEndian.AppendUint16(b, uint16(errno)) }

// errnoTooMany is EMFILE of Linux.
const errnoTooMany = 24
