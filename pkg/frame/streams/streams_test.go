package streams_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/nsjoin/docker-nsjoin/pkg/frame/streams"
)

// ends are a client and a helper in one process.
type ends struct {
	client, helper *streams.Mux
	close          func()
}

// connect returns both ends. The link may be slow: delay is how long bytes are under way in each direction.
func connect(t testing.TB, delay time.Duration, c streams.Config) ends {
	t.Helper()
	toHelper, fromClient := pipe(t, delay)
	toClient, fromHelper := pipe(t, delay)
	c.Role, c.To = streams.Helper, fromHelper
	helper := streams.New(c)
	client := streams.New(streams.Config{Role: streams.Client, To: fromClient})
	var done sync.WaitGroup
	done.Go(func() { _ = helper.Feed(toHelper) })
	done.Go(func() { _ = client.Feed(toClient) })
	var once sync.Once
	e := ends{client: client, helper: helper, close: func() {
		once.Do(func() {
			fromClient.Close()
			fromHelper.Close()
			toHelper.Close()
			toClient.Close()
			client.End(streams.ErrClosed)
			client.WaitServed(time.Minute)
			helper.End(streams.ErrClosed)
			helper.WaitServed(time.Minute)
			done.Wait()
		})
	}}
	t.Cleanup(e.close)
	return e
}

func pipe(t testing.TB, delay time.Duration) (io.ReadCloser, io.WriteCloser) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	if delay == 0 {
		return r, w
	}
	return r, newSlow(w, delay)
}

// slow passes bytes on after a delay, any amount at a time.
type slow struct {
	to    io.WriteCloser
	parts chan part
	done  chan struct{}
	once  sync.Once
	delay time.Duration
}

type part struct {
	b    []byte
	when time.Time
}

func newSlow(to io.WriteCloser, delay time.Duration) *slow {
	s := &slow{to: to, parts: make(chan part, 1<<16), done: make(chan struct{}), delay: delay}
	go func() {
		for {
			select {
			case p := <-s.parts:
				time.Sleep(time.Until(p.when))
				if _, err := to.Write(p.b); err != nil {
					return
				}
			case <-s.done:
				return
			}
		}
	}()
	return s
}

func (s *slow) Write(b []byte) (int, error) {
	select {
	case s.parts <- part{bytes.Clone(b), time.Now().Add(s.delay)}:
		return len(b), nil
	case <-s.done:
		return 0, io.ErrClosedPipe
	}
}

func (s *slow) Close() error {
	s.once.Do(func() { close(s.done) })
	return s.to.Close()
}

// echo sends back what comes.
func echo(s *streams.Stream) {
	s.Accept("echo")
	_, _ = io.Copy(struct{ io.Writer }{s}, s)
	_ = s.CloseWrite()
	s.Close()
}

func dial(t testing.TB, m *streams.Mux, network streams.Network, address string) *streams.Stream {
	t.Helper()
	s, err := m.Open(network, address)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if _, err := s.Opened(ctx); err != nil {
		t.Fatal(err)
	}
	return s
}

// gone waits until no stream is left at either end.
func gone(t testing.TB, e ends) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		c, h := e.client.Streams(), e.helper.Streams()
		if c == 0 && h == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d and %d streams are left", c, h)
		}
	}
}

func TestEcho(t *testing.T) {
	e := connect(t, 0, streams.Config{Serve: echo})
	var wait sync.WaitGroup
	for n := range 100 {
		wait.Go(func() {
			s := dial(t, e.client, streams.TCP, fmt.Sprint("127.0.0.1:", n))
			defer s.Close()
			size := int64(rand.IntN(1 << 20))
			sent, got := sha256.New(), sha256.New()
			go func() {
				_, _ = io.CopyN(io.MultiWriter(sent, s), rand.NewChaCha8([32]byte{byte(n)}), size)
				_ = s.CloseWrite()
			}()
			n, err := io.Copy(got, s)
			if err != nil || n != size || !bytes.Equal(sent.Sum(nil), got.Sum(nil)) {
				t.Errorf("%d bytes of %d came back: %v", n, size, err)
			}
		})
	}
	wait.Wait()
	gone(t, e)
}

func TestRefused(t *testing.T) {
	const econnrefused = 111
	e := connect(t, 0, streams.Config{Serve: func(s *streams.Stream) { s.Refuse(econnrefused, "nobody listens on "+s.Address()) }})
	s, err := e.client.Open(streams.TCP, "127.0.0.1:1")
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.Opened(t.Context())
	if ended, ok := errors.AsType[*streams.EndedError](err); !ok || ended.Errno != econnrefused || ended.Text != "nobody listens on 127.0.0.1:1" {
		t.Errorf("%v", err)
	}
	if _, err := s.Write([]byte("x")); err == nil {
		t.Error("a refused stream can be written to")
	}
	s.Close()
	gone(t, e)
}

// A stream that is not read holds up no other, and its writer stops at its credit.
func TestSlowReader(t *testing.T) {
	e := connect(t, 0, streams.Config{Serve: func(s *streams.Stream) {
		s.Accept("")
		if s.Address() == "slow" {
			return
		}
		echo(s)
	}})
	slow := dial(t, e.client, streams.TCP, "slow")
	if n, err := slow.Write(make([]byte, streams.InitialCredit)); err != nil {
		t.Errorf("%d bytes, %v", n, err)
	}
	slow.SetWriteDeadline(time.Now().Add(100 * time.Millisecond))
	if n, err := slow.Write(make([]byte, 1<<20)); n != 0 || !errors.Is(err, streams.ErrDeadline) {
		t.Errorf("%d bytes more, %v", n, err)
	}
	fast := dial(t, e.client, streams.TCP, "fast")
	b := make([]byte, 100)
	for range 1000 {
		if _, err := fast.Write(b); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(fast, b); err != nil {
			t.Fatal(err)
		}
	}
	slow.Reset(0)
	fast.Close()
}

// returnPackets sends packets back, but answers one of one byte with a notice.
func returnPackets(s *streams.Stream) {
	s.Accept("")
	b := make([]byte, streams.MaxData)
	for {
		n, err := s.Read(b)
		if err != nil {
			s.Close()
			return
		}
		if n == 1 {
			s.Notice(111)
			continue
		}
		_, _ = s.Write(b[:n])
	}
}

func TestPackets(t *testing.T) {
	e := connect(t, 0, streams.Config{Serve: returnPackets})
	s := dial(t, e.client, streams.UDP, "127.0.0.1:53")
	b := make([]byte, streams.MaxData)
	for _, size := range []int{0, 1, 2, 1400, 65507, 0, 40000, 1} {
		for range 10 {
			if n, err := s.Write(b[:size]); n != size || err != nil {
				t.Fatal(n, err)
			}
			n, err := s.Read(b)
			if size == 1 {
				if ended, ok := errors.AsType[*streams.EndedError](err); !ok || ended.Errno != 111 {
					t.Errorf("no notice: %d, %v", n, err)
				}
			} else if n != size || err != nil {
				t.Errorf("a packet of %d bytes came back as %d, %v", size, n, err)
			}
		}
	}
	// A flood is dropped, and does not block.
	for range 10000 {
		if _, err := s.Write(b[:1400]); err != nil {
			t.Fatal(err)
		}
	}
	s.Close()
	gone(t, e)
}

// connections serves a listener: its clients come as fast as they are taken, and say hello.
func connections(l *streams.Stream, stop <-chan struct{}) {
	l.Accept("127.0.0.1:5432")
	defer l.Close()
	for n := 0; ; n++ {
		if _, err := l.Room(); err != nil {
			return
		}
		c, err := l.Connection(fmt.Sprint("127.0.0.1:", n))
		if err != nil {
			return
		}
		select {
		case <-stop:
			c.Reset(0)
			return
		default:
		}
		go func() {
			_, _ = io.WriteString(c, "hello")
			_, _ = io.Copy(io.Discard, c)
			c.Close()
		}()
	}
}

func TestListener(t *testing.T) {
	stop := make(chan struct{})
	e := connect(t, 0, streams.Config{Serve: func(l *streams.Stream) { connections(l, stop) }})
	l, err := e.client.Listen(streams.ListenTCP, "127.0.0.1:5432")
	if err != nil {
		t.Fatal(err)
	}
	if address, err := l.Opened(t.Context()); address != "127.0.0.1:5432" || err != nil {
		t.Fatal(address, err)
	}
	for n := range 500 {
		c, err := l.Next()
		if err != nil {
			t.Fatal(err)
		}
		if want := fmt.Sprint("127.0.0.1:", n); c.Address() != want {
			t.Errorf("%s, want %s", c.Address(), want)
		}
		b := make([]byte, 5)
		if _, err := io.ReadFull(c, b); err != nil || string(b) != "hello" {
			t.Fatal(err, string(b))
		}
		c.Close()
	}
	close(stop)
	l.Close()
	gone(t, e)
	if _, err := l.Next(); !errors.Is(err, streams.ErrClosed) {
		t.Error(err)
	}
}

// The credit grows while a stream is read, so that a link with a long way does not limit it.
func TestCreditGrows(t *testing.T) {
	const size = 32 << 20
	e := connect(t, 25*time.Millisecond, streams.Config{Serve: func(s *streams.Stream) {
		s.Accept("")
		b := make([]byte, streams.MaxData)
		for sent := 0; sent < size; sent += len(b) {
			if _, err := s.Write(b); err != nil {
				break
			}
		}
		_ = s.Close()
	}})
	s := dial(t, e.client, streams.TCP, "")
	begin := time.Now()
	n, err := io.Copy(io.Discard, s)
	took := time.Since(begin)
	if n != size || err != nil || took > 90*time.Second { // InitialCredit alone would take 100 seconds
		t.Errorf("%d bytes in %s: %v", n, took, err)
	}
	t.Logf("%.0f MB/s", size/1e6/took.Seconds())
	s.Close()
	gone(t, e)
}

func TestLimit(t *testing.T) {
	said := 0
	e := connect(t, 0, streams.Config{Serve: echo, Limit: 3, AtLimit: func() { said++ }})
	var open []*streams.Stream
	for range 3 {
		open = append(open, dial(t, e.client, streams.TCP, ""))
	}
	for range 2 {
		s, err := e.client.Open(streams.TCP, "")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Opened(t.Context()); err == nil || err.Error() != streams.ErrLimit.Error() {
			t.Error(err)
		}
		s.Close()
	}
	open[0].Reset(0)
	for e.helper.Streams() > 2 {
		time.Sleep(time.Millisecond)
	}
	dial(t, e.client, streams.TCP, "").Close()
	for _, s := range open {
		s.Close()
	}
	gone(t, e)
	if said != 1 {
		t.Errorf("the limit was said %d times", said)
	}
}

// The streams end if the link does, and what had come can be read.
func TestLinkEnds(t *testing.T) {
	e := connect(t, 0, streams.Config{Serve: func(s *streams.Stream) { s.Accept("") }}) // reads nothing
	s := dial(t, e.client, streams.TCP, "")
	l, _ := e.client.Listen(streams.ListenTCP, "")
	read := make(chan error, 3)
	go func() { _, err := s.Read(make([]byte, 1)); read <- err }()
	go func() { _, err := l.Next(); read <- err }()
	go func() { _, err := s.Write(make([]byte, 100<<20)); read <- err }()
	time.Sleep(10 * time.Millisecond)
	e.close()
	for range 3 {
		if err := <-read; err == nil {
			t.Error("no error")
		}
	}
	<-e.client.Gone()
	if _, err := e.client.Open(streams.TCP, ""); err == nil {
		t.Error("a stream can be opened")
	}
}

func BenchmarkThroughput(b *testing.B) {
	e := connect(b, 0, streams.Config{Serve: func(s *streams.Stream) {
		s.Accept("")
		_, _ = s.WriteTo(io.Discard)
		s.Close()
	}})
	s := dial(b, e.client, streams.TCP, "")
	part := make([]byte, streams.MaxData)
	b.SetBytes(int64(len(part)))
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N {
		if _, err := s.Write(part); err != nil {
			b.Fatal(err)
		}
	}
	b.StopTimer()
	s.Close()
}

func BenchmarkRoundTrip(b *testing.B) {
	e := connect(b, 0, streams.Config{Serve: echo})
	s := dial(b, e.client, streams.TCP, "")
	part := make([]byte, 1)
	for range b.N {
		if _, err := s.Write(part); err != nil {
			b.Fatal(err)
		}
		if _, err := s.Read(part); err != nil {
			b.Fatal(err)
		}
	}
	s.Close()
}
