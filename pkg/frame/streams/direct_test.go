package streams_test

import (
	"bytes"
	"crypto/rand"
	"errors"
	"io"
	"sync"
	"testing"
	"time"

	"github.com/nsjoin/docker-nsjoin/pkg/frame/streams"
)

// sink takes at most a number of bytes at a time without waiting.
type sink struct {
	mu     sync.Mutex
	got    bytes.Buffer
	most   int           // of a TryWrite
	failed error         // of the next TryWrite
	waited int           // bytes of Write
	first  chan struct{} // closed by the first TryWrite
	once   sync.Once
}

func (s *sink) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waited += len(b)
	return s.got.Write(b)
}

func (s *sink) TryWrite(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.once.Do(func() { close(s.first) })
	if s.failed != nil {
		return 0, s.failed
	}
	return s.got.Write(b[:min(len(b), s.most)])
}

func newSink(most int) *sink { return &sink{most: most, first: make(chan struct{})} }

// sendBuffers sends all of data by WriteBuffer, as much at a time as there is credit for.
func sendBuffers(s *streams.Stream, data []byte) error {
	var b streams.Buffer
	for len(data) > 0 {
		room, err := s.Room()
		if err != nil {
			return err
		}
		n := copy(b.Data(), data[:min(len(data), room)])
		if n, err = s.WriteBuffer(&b, n); err != nil {
			return err
		}
		data = data[n:]
	}
	return s.CloseWrite()
}

// What can be written at once is written by whoever has it: no byte is lost, however much a writer takes, while others send
// too.
func TestDirect(t *testing.T) {
	data := make([]byte, 3<<20)
	_, _ = rand.Read(data)
	e := connect(t, 0, streams.Config{Serve: func(s *streams.Stream) {
		s.Accept("")
		var both sync.WaitGroup
		both.Go(func() { s.Discard() })
		if s.Address() == "buffers" {
			if err := sendBuffers(s, data); err != nil {
				t.Error(err)
			}
		} else if _, err := s.Write(data); err != nil || s.CloseWrite() != nil {
			t.Error(err)
		}
		both.Wait()
		s.Close()
	}})
	var all sync.WaitGroup
	for i, most := range []int{0, 1000, 1 << 20, 1 << 20, 1 << 20} {
		s := dial(t, e.client, streams.TCP, []string{"buffers", "bytes"}[i%2])
		all.Go(func() {
			_, _ = s.Write(data[:len(data)/8]) // credit goes in both directions
			_ = s.CloseWrite()
		})
		all.Go(func() {
			to := newSink(most)
			n, err := s.WriteTo(to)
			if err != nil || n != int64(len(data)) || !bytes.Equal(to.got.Bytes(), data) {
				t.Errorf("stream %d: %d bytes: %v", i, n, err)
			}
			s.Close()
		})
	}
	all.Wait()
	gone(t, e)
}

// Data that comes while its writer waits is written where it comes, and takes credit as any other. A writer that fails there
// ends WriteTo.
func TestDirectWriter(t *testing.T) {
	proceed := make(chan struct{})
	e := connect(t, 0, streams.Config{Serve: func(s *streams.Stream) {
		s.Accept("")
		for range 64 {
			<-proceed
			if _, err := s.Write(make([]byte, streams.InitialCredit)); err != nil {
				break
			}
		}
		s.Close()
	}})
	s := dial(t, e.client, streams.TCP, "")
	to := newSink(1 << 20)
	ended := make(chan error)
	go func() {
		n, err := s.WriteTo(to)
		if n != int64(to.got.Len()) {
			t.Errorf("%d bytes, and %d were written", n, to.got.Len())
		}
		ended <- err
	}()
	for !s.Waits() {
		time.Sleep(time.Millisecond)
	}
	for range 64 {
		proceed <- struct{}{}
	}
	if err := <-ended; err != nil || to.got.Len() != 64*streams.InitialCredit {
		t.Errorf("%d bytes: %v", to.got.Len(), err)
	}
	if to.waited == to.got.Len() {
		t.Error("nothing was written where it came")
	}
	s.Close()

	s = dial(t, e.client, streams.TCP, "")
	defer s.Close()
	failing := newSink(0)
	failing.failed = errors.New("full")
	go func() {
		_, err := s.WriteTo(failing)
		ended <- err
	}()
	for !s.Waits() {
		time.Sleep(time.Millisecond)
	}
	proceed <- struct{}{}
	if err := <-ended; !errors.Is(err, failing.failed) {
		t.Errorf("WriteTo: %v", err)
	}
	close(proceed)
	if _, err := io.Copy(io.Discard, s); err != nil { // what the writer did not take can be read by another one
		t.Error(err)
	}
}
