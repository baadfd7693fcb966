//go:build linux

package server_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/sockets/client"
)

// When the container has ended, what it had sent is delivered, and nothing new is opened.
func TestContainerEnds(t *testing.T) {
	const size = 10 << 20
	begin := make(chan struct{})
	address := serve(t, "tcp", "127.0.0.1:0", func(c net.Conn) {
		<-begin
		_, _ = c.Write(make([]byte, size))
		c.Close()
	})
	n, _, h := open(t)
	l, err := n.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := dial(t, n, "tcp", address)
	close(h.ended)
	<-n.Gone()
	if _, err := l.Accept(); !errors.Is(err, syscall.ENETDOWN) {
		t.Error(err)
	}
	if _, err := n.Dial(t.Context(), "tcp", address); !errors.Is(err, syscall.ENETDOWN) {
		t.Error(err)
	}
	close(begin)
	if n, err := io.Copy(io.Discard, c); n != size || err != nil {
		t.Errorf("%d of %d bytes, %v", n, size, err)
	}
	c.Close()
}

// What was written before Close of the connection and of the network is delivered.
func TestCloseDelivers(t *testing.T) {
	const size = 3 << 20
	got := make(chan int64, 1)
	address := serve(t, "tcp", "127.0.0.1:0", func(c net.Conn) {
		time.Sleep(50 * time.Millisecond)
		n, _ := io.Copy(io.Discard, c)
		got <- n
		c.Close()
	})
	n, _, _ := open(t)
	c := dial(t, n, "tcp", address)
	if _, err := c.Write(make([]byte, size)); err != nil {
		t.Fatal(err)
	}
	c.Close()
	n.Close()
	if n := <-got; n != size {
		t.Errorf("%d of %d bytes", n, size)
	}
}

// The server ends when its client is killed, and so do connections in the container.
func TestClientEnds(t *testing.T) {
	ended := make(chan error, 1)
	address := serve(t, "tcp", "127.0.0.1:0", func(c net.Conn) {
		_, err := c.Read(make([]byte, 1))
		ended <- err
		c.Close()
	})
	n, link, _ := open(t)
	c := dial(t, n, "tcp", address)
	link.Close()
	if err := <-ended; err == nil {
		t.Error("the connection goes on")
	}
	if _, err := c.Read(make([]byte, 1)); err == nil {
		t.Error("the client's goes on")
	}
	<-n.Gone()
}

// slow is a dialer whose UNIX sockets do not answer until the container has ended.
type slow struct {
	here
	asked chan struct{}
	calls *atomic.Int32 // of Ended
}

func (s slow) ConnectUnix(string, int) (int, error) {
	close(s.asked)
	<-s.ended
	return -1, unix.ESHUTDOWN
}

// Ended hides the end from the first caller, which is Serve: it has noticed the client's.
func (s slow) Ended() <-chan struct{} {
	if s.calls.Add(1) == 1 {
		return nil
	}
	return s.ended
}

// When the client and then the container have ended, a dial that waited leaves no goroutine, for which the server would wait.
func TestBothEnd(t *testing.T) {
	s := slow{here{ended: make(chan struct{}), why: new(error), made: new(made)}, make(chan struct{}), new(atomic.Int32)}
	n, link := openWith(t, s, s.why)
	dialed := make(chan error, 1)
	go func() {
		_, err := n.Dial(t.Context(), "unix", "/s")
		dialed <- err
	}()
	<-s.asked
	link.Close()
	if err := <-dialed; err == nil {
		t.Error("it is connected")
	}
	close(s.ended)
}

// A dial that is given up ends in the container too.
func TestDialCanceled(t *testing.T) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if err := errors.Join(unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}), unix.Listen(fd, 0)); err != nil {
		t.Fatal(err)
	}
	at, err := unix.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	address := fmt.Sprint("127.0.0.1:", at.(*unix.SockaddrInet4).Port)
	first, err := net.Dial("tcp", address) // fills the backlog: the next handshake is not answered
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	n, _, _ := open(t)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := n.Dial(ctx, "tcp", address); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
}

// The client learns why there is no network any more, and that a helper has ended without a word.
func TestWhyTheNetworkIsGone(t *testing.T) {
	n, _, h := open(t)
	close(h.ended)
	<-n.Gone()
	if err := n.Err(); err != nil {
		t.Errorf("the container has ended: %v", err)
	}
	n, _, h = open(t)
	*h.why = errors.New("an attack")
	close(h.ended)
	<-n.Gone()
	if refused, ok := errors.AsType[*client.RefusedError](n.Err()); !ok || refused.Why != "an attack" {
		t.Errorf("an attack: %v", n.Err())
	}
	n, l, _ := open(t)
	l.Close()
	<-n.Gone()
	if err := n.Err(); err == nil {
		t.Error("the helper is lost, which looks like the end of the container")
	}
}
