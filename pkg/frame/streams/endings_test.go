package streams_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/nsjoin/docker-nsjoin/pkg/frame/streams"
)

// An ending is what one end does with a connection, in this order.
type ending struct {
	write int    // bytes
	half  bool   // then CloseWrite
	read  int    // bytes; -1 for all
	last  string // close or reset
	pause time.Duration
}

func anyEnding(random *rand.Rand) ending {
	sizes := []int{0, 1, 100, streams.InitialCredit, streams.InitialCredit + 1, 1 << 18}
	e := ending{write: sizes[random.IntN(len(sizes))], half: random.IntN(2) == 0, last: "close"}
	e.read = []int{0, 1, 1000, -1}[random.IntN(4)]
	if random.IntN(3) == 0 {
		e.last = "reset"
	}
	if random.IntN(2) == 0 {
		e.pause = time.Duration(random.IntN(2000)) * time.Microsecond
	}
	return e
}

func (e ending) encode() string {
	return fmt.Sprintf("%d %t %d %s %d", e.write, e.half, e.read, e.last, e.pause)
}

func decodeEnding(text string) (e ending) {
	_, _ = fmt.Sscanf(text, "%d %t %d %s %d", &e.write, &e.half, &e.read, &e.last, &e.pause)
	return e
}

// outcome is what one end has seen.
type outcome struct {
	wrote, read int
	writeErr    error
	readErr     error // io.EOF, or nil if it did not read on
	wrong       bool  // bytes that were never written
}

// pattern is what is written from an offset: each direction of each stream has its own.
func pattern(b []byte, key uint64, offset int) {
	for i := range b {
		b[i] = byte(key>>(8*uint((offset+i)%8))) ^ byte((offset+i)>>3)
	}
}

// run does with s what e says, and writes and reads at the same time. out and in are the keys of both directions.
func (e ending) run(s *streams.Stream, out, in uint64) (o outcome) {
	var both sync.WaitGroup
	both.Go(func() {
		b := make([]byte, 10000)
		for o.wrote < e.write && o.writeErr == nil {
			part := b[:min(len(b), e.write-o.wrote)]
			pattern(part, out, o.wrote)
			n, err := s.Write(part)
			o.wrote, o.writeErr = o.wrote+n, err
		}
		if e.half && o.writeErr == nil {
			o.writeErr = s.CloseWrite()
		}
	})
	both.Go(func() {
		b, want := make([]byte, 7000), make([]byte, 7000)
		for (e.read < 0 || o.read < e.read) && o.readErr == nil {
			part := b
			if e.read >= 0 {
				part = b[:min(len(b), e.read-o.read)]
			}
			n, err := s.Read(part)
			pattern(want[:n], in, o.read)
			o.wrong = o.wrong || !bytes.Equal(b[:n], want[:n])
			o.read, o.readErr = o.read+n, err
		}
	})
	// An end that only reads on without an end of the other would wait for ever.
	timer := time.AfterFunc(50*time.Millisecond, func() { s.SetReadDeadline(time.Now()); s.SetWriteDeadline(time.Now()) })
	both.Wait()
	timer.Stop()
	time.Sleep(e.pause)
	if e.last == "reset" {
		s.Reset(0)
	} else {
		s.Close()
	}
	return o
}

// TestEveryEnding ends connections in every order from both ends at the same time, over one link: no byte is lost or
// invented, no end has an effect on another connection, and nothing is left.
func TestEveryEnding(t *testing.T) {
	var mu sync.Mutex
	seen := make(map[uint64]outcome)
	e := connect(t, 0, streams.Config{Serve: func(s *streams.Stream) {
		address := []byte(s.Address())
		key := binary.BigEndian.Uint64(address)
		s.Accept("")
		o := decodeEnding(string(address[8:])).run(s, key^1, key)
		mu.Lock()
		defer mu.Unlock()
		seen[key] = o
	}})
	count := 3000
	if testing.Short() {
		count = 300
	}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	gate := make(chan struct{}, 200)
	var wait sync.WaitGroup
	complete := 0
	for n := range count {
		gate <- struct{}{}
		wait.Go(func() {
			defer func() { <-gate }()
			random := rand.New(rand.NewPCG(seed, uint64(n)))
			key, here, there := random.Uint64()&^1, anyEnding(random), anyEnding(random)
			s := dial(t, e.client, streams.TCP, string(binary.BigEndian.AppendUint64(nil, key))+there.encode())
			mine := here.run(s, key, key^1)
			var theirs outcome
			for ok := false; !ok; time.Sleep(time.Millisecond) {
				mu.Lock()
				theirs, ok = seen[key]
				mu.Unlock()
			}
			mu.Lock()
			defer mu.Unlock()
			if checkDirection(t, key, mine, theirs, here, there) {
				complete++
			}
			if checkDirection(t, key, theirs, mine, there, here) {
				complete++
			}
		})
	}
	wait.Wait()
	if complete < count/10 {
		t.Errorf("only %d of %d directions were read to their end", complete, 2*count)
	}
	gone(t, e)
}

// checkDirection compares what one end has written with what the other has read. It reports whether that was all.
func checkDirection(t *testing.T, key uint64, from, to outcome, fromEnding, toEnding ending) bool {
	switch {
	case to.wrong:
		t.Errorf("stream %x: wrong bytes", key)
	case to.read > from.wrote:
		t.Errorf("stream %x: %d bytes were written, and %d read", key, from.wrote, to.read)
	case errors.Is(to.readErr, io.EOF) && to.read != from.wrote && fromEnding.last == "close":
		t.Errorf("stream %x: %d bytes were written, but the end came after %d: %+v %+v", key, from.wrote, to.read, fromEnding, toEnding)
	case errors.Is(to.readErr, io.EOF):
		return true
	}
	return false
}

// Nothing is served any more when a Mux has ended, so that WaitServed waits for everything.
func TestOpenAfterTheEnd(t *testing.T) {
	served := make(chan struct{}, 1)
	m := streams.New(streams.Config{Role: streams.Helper, To: io.Discard, Serve: func(*streams.Stream) { served <- struct{}{} }})
	m.End(io.ErrUnexpectedEOF)
	if _, err := io.WriteString(m, hello+"o\x00\x00\x01\x00\x00\x00\x01t"); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Error(err)
	}
	m.WaitServed(time.Minute)
	if len(served) != 0 || m.Streams() != 0 {
		t.Errorf("%d served, %d streams", len(served), m.Streams())
	}
}

// OnEnd tells of the end of the data before that is read, and also if it has come already.
func TestOnEnd(t *testing.T) {
	m := streams.New(streams.Config{Role: streams.Client, To: io.Discard})
	defer m.End(io.EOF)
	_, _ = io.WriteString(m, hello)
	s, err := m.Open(streams.TCP, "")
	if err != nil {
		t.Fatal(err)
	}
	calls := 0
	s.OnEnd(func() { calls++ })
	_, _ = io.WriteString(m, "d\x00\x00\x01\x00\x00\x00\x01x")
	if calls != 0 {
		t.Error("called before the end")
	}
	_, _ = io.WriteString(m, "e\x00\x00\x01\x00\x00\x00\x01\x00")
	s.OnEnd(func() { calls++ })
	if text, err := io.ReadAll(s); calls != 2 || string(text) != "x" || err != nil {
		t.Errorf("%d calls, %q, %v", calls, text, err)
	}
}

// A process that was stopped first reads what has come meanwhile.
func TestProcessThatWasStopped(t *testing.T) {
	m := streams.New(streams.Config{Role: streams.Client, To: io.Discard})
	defer m.End(io.EOF)
	_, _ = io.WriteString(m, hello)
	streams.Resume(m, time.Hour)
	if err := m.Err(); err != nil {
		t.Fatal(err)
	}
	for range 5 { // it runs now
		streams.Resume(m, 16*time.Second)
	}
	if err := m.Err(); !errors.Is(err, streams.ErrTimeout) {
		t.Error(err)
	}
}
