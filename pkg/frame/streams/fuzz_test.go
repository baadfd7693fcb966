package streams_test

import (
	"bytes"
	"io"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/nsjoin/docker-nsjoin/pkg/frame/streams"
)

const hello = "v\x00\x00\x07\x00\x00\x00\x00nsjoin\x01"

// user uses streams until they end.
type user struct{ wait sync.WaitGroup }

func (u *user) use(s *streams.Stream) {
	u.wait.Go(func() { _, _ = io.Copy(io.Discard, s); s.Close() })
	u.wait.Go(func() { _, _ = s.Write(make([]byte, 100)); _ = s.CloseWrite() })
}

// client returns a client that has two connections and listens.
func (u *user) client() *streams.Mux {
	m := streams.New(streams.Config{Role: streams.Client, To: io.Discard, Limit: 8})
	for _, network := range []streams.Network{streams.TCP, streams.UDP} {
		s, _ := m.Open(network, "127.0.0.1:1")
		u.use(s)
	}
	l, _ := m.Listen(streams.ListenTCP, "127.0.0.1:2")
	u.wait.Go(func() {
		for c, err := l.Next(); err == nil; c, err = l.Next() {
			u.use(c)
		}
		l.Close()
	})
	return m
}

// helper returns a helper that takes whatever is asked for, but refuses one address.
func (u *user) helper() *streams.Mux {
	return streams.New(streams.Config{Role: streams.Helper, To: io.Discard, Limit: 8, Serve: func(s *streams.Stream) {
		if s.Address() == "refuse" {
			s.Refuse(1, "refused")
		}
		s.Accept("x")
		if s.Network() == streams.ListenTCP {
			c, err := s.Connection("y")
			if err == nil {
				u.use(c)
			}
		}
		u.use(s)
	}})
}

// FuzzWrite sends any bytes to an end that has streams in use: it does not panic, does not wait, holds a bounded amount of
// memory, and ends all streams when the other end breaks the protocol.
func FuzzWrite(f *testing.F) {
	for _, frames := range []string{
		"", "a\x00\x00\x00\x00\x00\x00\x00", "q\x00\x00\x00\x00\x00\x00\x00",
		"+\x00\x00\x03\x00\x00\x00\x01abcd\x00\x00\x03\x00\x00\x00\x01abce\x00\x00\x01\x00\x00\x00\x01\x00",
		"-\x00\x00\x05\x00\x00\x00\x01\x00\x6fabc", "r\x00\x00\x02\x00\x00\x00\x01\x00\x68",
		"+\x00\x00\x00\x00\x00\x00\x03g\x00\x00\x03\x00\x00\x00\x03abcn\x00\x00\x02\x00\x00\x00\x03\x00\x6fe\x00\x00\x01\x00\x00\x00\x03\x01",
		"+\x00\x00\x01\x00\x00\x00\x05xo\x00\x00\x08\x00\x00\x00\x02A\x00\x00\x00\x05abcd\x00\x00\x02\x00\x00\x00\x02hi",
		"c\x00\x00\x04\x00\x00\x00\x01\x00\x00\x10\x00", "c\x00\x00\x04\x00\x00\x00\x01\xff\xff\xff\xff",
		"o\x00\x00\x0d\x00\x00\x00\x01t127.0.0.1:80d\x00\x00\x01\x00\x00\x00\x01xe\x00\x00\x01\x00\x00\x00\x01\x00",
		"o\x00\x00\x02\x00\x00\x00\x01u1g\x00\x00\x00\x00\x00\x00\x01o\x00\x00\x02\x00\x00\x00\x03TLr\x00\x00\x02\x00\x00\x00\x03\x00\x00",
		"d\x01\x00\x01\x00\x00\x00\x01", "\x00\x00\x00\x00\x00\x00\x00\x00",
	} {
		f.Add(true, []byte(hello+frames), uint8(1))
		f.Add(false, []byte(hello+frames), uint8(7))
	}
	f.Fuzz(func(t *testing.T, client bool, sent []byte, size uint8) {
		u := &user{}
		begin := u.helper
		if client {
			begin = u.client
		}
		m := begin()
		for rest := sent; len(rest) > 0; {
			n := min(len(rest), int(size)+1)
			if _, err := m.Write(rest[:n]); err != nil {
				if again := m.Err(); again == nil {
					t.Errorf("it goes on after %v", err)
				}
				break
			}
			rest = rest[n:]
		}
		if n := m.Streams(); n > 8 {
			t.Errorf("%d streams", n)
		}
		m.End(io.ErrUnexpectedEOF)
		m.WaitServed(time.Minute)
		ended := make(chan struct{})
		go func() { u.wait.Wait(); close(ended) }()
		select {
		case <-ended:
		case <-time.After(time.Minute):
			t.Error("something still waits after the end")
		}
	})
}

// An end whose answers are not read does not use more memory the more is sent to it.
func TestMemoryIsBounded(t *testing.T) {
	blocked, unblock := io.Pipe() // nobody reads
	m := streams.New(streams.Config{Role: streams.Helper, To: unblock, Serve: func(s *streams.Stream) {
		s.Accept("x") // and does not read, either
	}})
	_, _ = m.Write([]byte(hello))
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	address := bytes.Repeat([]byte("x"), 500)
	var err error
	for n := uint32(1); n < 200_000 && err == nil; n += 2 {
		frames := append([]byte{'o', 0, 1, 0xf5, byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n), 't'}, address...)
		frames = append(frames, 'd', 0, 0x40, 0, byte(n>>24), byte(n>>16), byte(n>>8), byte(n))
		_, err = m.Write(append(frames, make([]byte, streams.InitialCredit)...))
	}
	if err == nil {
		t.Error("an end that reads nothing can open any number of connections")
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	const most = 160 << 20
	if used := int64(after.HeapAlloc) - int64(before.HeapAlloc); used > most {
		t.Errorf("%d MiB in use", used>>20)
	} else {
		t.Logf("%d MiB in use", used>>20)
	}
	blocked.Close()
	m.End(io.EOF)
	m.WaitServed(time.Minute)
}
