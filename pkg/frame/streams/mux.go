package streams

import (
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nsjoin/docker-nsjoin/pkg/frame"
)

// Role says which end a Mux is.
type Role int

// The two ends.
const (
	Client Role = iota
	Helper
)

// Config has what a Mux is made with.
type Config struct {
	Role Role
	// To receives the frames for the other end. Whoever ends the Mux closes it.
	To io.Writer
	// Serve is called for each stream that the client opens, on a goroutine of its own. It answers with Accept or
	// Refuse, and closes the stream. Only a Helper has it.
	Serve func(*Stream)
	// AtLimit is called once, when a stream is refused because there are Limit already; it must not block.
	AtLimit func()
	// Silent is what a Helper says before it ends because nothing has come from the client for frame.Timeout, as by SayGone;
	// nothing if it is empty.
	Silent string
	// Limit and Budget replace the constants, if they are not 0.
	Limit, Budget int
}

// Mux is one end. Feed must be called by one goroutine; everything else by any.
type Mux struct {
	role    Role
	to      io.Writer
	serve   func(*Stream)
	atLimit func()
	silent  string
	limit   int
	budget  atomic.Int64 // bytes of credit left for all streams
	parser  parser
	pools   pools
	heard   atomic.Int64 // when the last bytes came, in nanoseconds since began
	began   time.Time
	ticked  time.Duration // when tick was called, since began
	watch   *time.Timer
	hello   chan struct{} // closed when the other end has sent its version
	done    chan struct{} // closed when the Mux has ended
	gone    chan struct{} // closed when the other end has said that the container is gone, or has ended
	serving sync.WaitGroup

	mu        sync.Mutex // guards what follows, and what streams have to send
	streams   map[uint32]*Stream
	next      uint32 // own number of the next stream
	last      uint32 // the last number of the other end
	err       error  // why the Mux has ended
	limitSaid bool
	goneHeard bool
	goneSaid  bool   // by the other end
	goneText  string // what it has said
	out       outgoing
}

// New returns one end and begins to send.
func New(c Config) *Mux {
	m := &Mux{
		role: c.Role, to: c.To, serve: c.Serve, atLimit: c.AtLimit, silent: c.Silent, limit: c.Limit, began: time.Now(),
		hello: make(chan struct{}), done: make(chan struct{}), gone: make(chan struct{}), streams: make(map[uint32]*Stream), next: 1,
	}
	if c.Role == Helper {
		m.next = 2
	}
	if m.limit == 0 {
		m.limit = Limit
	}
	if c.Budget == 0 {
		c.Budget = Budget
	}
	m.budget.Store(int64(c.Budget))
	m.out.begin(&m.mu)
	m.watch = time.AfterFunc(frame.Interval, m.tick)
	go m.send()
	return m
}

// Hello is closed when the other end has sent its version.
func (m *Mux) Hello() <-chan struct{} { return m.hello }

// Done is closed when the Mux has ended.
func (m *Mux) Done() <-chan struct{} { return m.done }

// Gone is closed when the other end has said that the container has ended, or when the Mux has ended.
func (m *Mux) Gone() <-chan struct{} { return m.gone }

// WhyGone returns what the other end has said when it was gone: "" if the container has ended. said is false if the Mux has
// ended before that.
func (m *Mux) WhyGone() (text string, said bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.goneText, m.goneSaid
}

// Err returns why the Mux has ended; nil if it has not.
func (m *Mux) Err() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.err
}

// Streams returns how many streams there are.
func (m *Mux) Streams() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.streams)
}

// SayGone tells the client that the container has ended, or with a text, why the helper ends. Streams that it opens from
// now on are refused.
func (m *Mux) SayGone(why string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.out.gone, m.out.goneText = true, why[:min(len(why), maxText)]
	m.out.wake.Signal()
}

// WaitServed waits for the functions that serve streams, at most for limit. It returns false if some have not ended by
// then. Call it when the Mux has ended: none is started from then on.
func (m *Mux) WaitServed(limit time.Duration) bool {
	var once sync.Once
	var all bool
	over := make(chan struct{})
	end := func(served bool) { once.Do(func() { all = served; close(over) }) }
	go func() {
		m.serving.Wait()
		end(true)
	}()
	late := time.AfterFunc(limit, func() { end(false) }) // time.After would add the methods of time.Time to the helper: 90 KB
	defer late.Stop()
	<-over
	return all
}

// Wait waits until everything that is to be sent has been passed to To, or the Mux has ended.
func (m *Mux) Wait() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for m.err == nil && (m.out.busy || m.out.due()) {
		m.out.idle.Wait()
	}
}

// End ends the Mux and all streams with err. What has come of a stream that the other end has closed is still delivered.
// It does not end a Write to To that is under way.
func (m *Mux) End(err error) {
	m.mu.Lock()
	if m.err != nil {
		m.mu.Unlock()
		return
	}
	m.err = err
	close(m.done)
	m.watch.Stop()
	all := make([]*Stream, 0, len(m.streams))
	for _, s := range m.streams {
		all = append(all, s)
		if s.out.done == nil {
			s.out.done = err
		}
		s.setAnswer("", err)
		s.out.wake()
	}
	clear(m.streams)
	m.out.wake.Broadcast()
	m.out.idle.Broadcast()
	if !m.goneHeard {
		m.goneHeard = true
		close(m.gone)
	}
	m.mu.Unlock()
	for _, s := range all {
		s.in.end(err)
		if f := s.takeOnOver(); f != nil {
			f(true)
		}
	}
}

// tick says that this end is alive, and ends the Mux if the other is not.
func (m *Mux) tick() {
	now := time.Since(m.began)
	late := now-m.ticked > 2*frame.Interval
	m.ticked = now
	switch silent := now-time.Duration(m.heard.Load()) > frame.Timeout; {
	case silent && late: // this process was stopped, and has not read what has come meanwhile
		m.heard.Store(int64(now))
	case silent:
		m.endSilent()
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.err == nil && !m.out.failed {
		m.out.alive = true
		m.out.wake.Signal()
		m.watch.Reset(frame.Interval)
	}
}

// endSilent ends the Mux because nothing has come from the other end.
func (m *Mux) endSilent() {
	if m.silent == "" {
		m.End(ErrTimeout)
		return
	}
	m.SayGone(m.silent)
	m.mu.Lock()
	m.endSoon(ErrTimeout) // it may not read, either
	m.mu.Unlock()
	go func() {
		m.Wait()
		m.End(ErrTimeout)
	}()
}

var errNumbers = errors.New("the connections' numbers are used up")

// Open opens a stream: of a client, to an address in the container.
func (m *Mux) Open(network Network, address string) (*Stream, error) {
	if len(address) > MaxAddress {
		return nil, fmt.Errorf("an address of %d bytes; the limit is %d", len(address), MaxAddress)
	}
	return m.open(network, address, nil)
}

func (m *Mux) open(network Network, address string, of *Stream) (*Stream, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case m.err != nil:
		return nil, m.err
	case len(m.streams) >= m.limit:
		m.reachLimit()
		return nil, ErrLimit
	case m.next > 1<<31:
		return nil, errNumbers
	}
	s := newStream(m, m.next, network, address)
	m.next += 2
	m.streams[s.number] = s
	payload := []byte{byte(network)}
	if of != nil {
		payload = appendNumber(payload, of.number)
	}
	s.out.answer, s.out.answerKind = append(payload, address...), kindOpen
	m.out.urge(s)
	return s, nil
}

// reachLimit says once that the limit is reached. m.mu is held.
func (m *Mux) reachLimit() {
	if !m.limitSaid && m.atLimit != nil {
		m.atLimit()
	}
	m.limitSaid = true
}

// release forgets a stream for which nothing is left to do. m.mu is held.
func (m *Mux) release(s *Stream) {
	if m.streams[s.number] == s {
		delete(m.streams, s.number)
	}
}
