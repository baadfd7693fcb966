//go:build linux

package server_test

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestDial(t *testing.T) {
	n, _, _ := open(t)
	for _, row := range []struct{ network, address string }{
		{"tcp", "127.0.0.1:0"}, {"tcp", "[::1]:0"}, {"unix", filepath.Join(t.TempDir(), "socket")}, {"unix", fmt.Sprint("@nsjoin-test-", rand.Uint64())},
	} {
		address := serve(t, row.network, row.address, echo)
		var wait sync.WaitGroup
		for i := range 20 {
			wait.Go(func() { exchange(t, dial(t, n, row.network, address), byte(i), rand.Int64N(3<<20)) })
		}
		wait.Wait()
		c := dial(t, n, row.network, address)
		if c.RemoteAddr().String() != address || row.network == "tcp" && c.LocalAddr().(*net.TCPAddr).Port == 0 {
			t.Errorf("%s, %s", c.LocalAddr(), c.RemoteAddr())
		}
		if err := c.SetReadDeadline(time.Now().Add(10 * time.Millisecond)); err != nil {
			t.Error(err)
		}
		if _, err := c.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Error(err)
		}
		c.Close()
		if _, err := c.Read(make([]byte, 1)); !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
	}
}

func TestRefused(t *testing.T) {
	n, _, _ := open(t)
	for _, row := range []struct {
		network, address string
		want             syscall.Errno
		text             string
	}{
		{"tcp", "127.0.0.1:1", syscall.ECONNREFUSED, "dial tcp 127.0.0.1:1: connect: connection refused"},
		{"tcp", "[::1]:1", syscall.ECONNREFUSED, "dial tcp [::1]:1: connect: connection refused"},
		{"unix", "/nowhere", syscall.ENOENT, "dial unix /nowhere: connect: no such file or directory"},
		{"unix", "@nowhere", syscall.ECONNREFUSED, "dial unix @nowhere: connect: connection refused"},
		{"tcp", "255.255.255.255:1", syscall.ENETUNREACH, "dial tcp 255.255.255.255:1: connect: network is unreachable"},
	} {
		_, err := n.Dial(t.Context(), row.network, row.address)
		if !errors.Is(err, row.want) || err.Error() != row.text {
			t.Errorf("%v, want %s", err, row.text)
		}
	}
	if _, err := n.Dial(t.Context(), "tcp", "localhost:1"); err == nil {
		t.Error("a name was resolved")
	}
}

func TestReset(t *testing.T) {
	got, began := make(chan error, 1), make(chan struct{}, 1)
	address := serve(t, "tcp", "127.0.0.1:0", func(c net.Conn) {
		b := make([]byte, 1)
		_, _ = c.Read(b)
		if b[0] == 'r' {
			_ = c.(*net.TCPConn).SetLinger(0)
		} else {
			began <- struct{}{}
			_, err := c.Read(b)
			got <- err
		}
		c.Close()
	})
	n, _, _ := open(t)
	c := dial(t, n, "tcp", address)
	_, _ = c.Write([]byte("r"))
	if _, err := c.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("the container resets: %v", err)
	}
	if _, err := c.Write([]byte("x")); err == nil {
		t.Error("it can be written to after that")
	}
	for _, abort := range []bool{true, false} {
		c = dial(t, n, "tcp", address)
		_, _ = c.Write([]byte("x"))
		<-began // a reset may overtake data
		want := io.EOF
		if abort {
			want = syscall.ECONNRESET
			_ = c.(interface{ SetLinger(seconds int) error }).SetLinger(0)
		}
		c.Close()
		if err := <-got; !errors.Is(err, want) {
			t.Errorf("the container reads %v, want %v", err, want)
		}
	}
}

// useListener has many clients connect at once, and echoes what they send.
func useListener(t *testing.T, network string, l net.Listener) {
	t.Helper()
	var wait sync.WaitGroup
	for i := range 100 {
		wait.Go(func() {
			c, err := net.Dial(network, l.Addr().String())
			if err != nil {
				t.Error(err)
				return
			}
			defer c.Close()
			exchange(t, c, byte(i), rand.Int64N(100000))
		})
	}
	for range 100 {
		c, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		wait.Go(func() { echo(c) })
	}
	wait.Wait()
}

// nobodyListens waits until connections are refused.
func nobodyListens(t *testing.T, network, address string) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		c, err := net.Dial(network, address)
		if err != nil {
			return
		}
		c.Close()
		if time.Now().After(deadline) {
			t.Fatal("it still listens")
		}
	}
}

func TestListen(t *testing.T) {
	n, _, _ := open(t)
	path := filepath.Join(t.TempDir(), "socket")
	for _, row := range []struct{ network, address string }{{"tcp", "127.0.0.1:0"}, {"tcp", "[::1]:0"}, {"unix", path}} {
		l, err := n.Listen(t.Context(), row.network, row.address)
		if err != nil {
			t.Fatal(err)
		}
		useListener(t, row.network, l)
		if _, err := n.Listen(t.Context(), row.network, l.Addr().String()); !errors.Is(err, syscall.EADDRINUSE) {
			t.Errorf("a second listener: %v", err)
		}
		l.Close()
		if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
		nobodyListens(t, row.network, l.Addr().String())
	}
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) { // it is removed after it was closed
		if _, err := os.Stat(path); os.IsNotExist(err) {
			break
		} else if err != nil || time.Now().After(deadline) {
			t.Fatalf("the socket is left: %v", err)
		}
	}
}

func TestQuestions(t *testing.T) {
	n, _, _ := open(t)
	list, err := n.Listening(t.Context())
	if err != nil || len(list) != 2 || list[0].Address != netip.MustParseAddrPort("[::]:80") || list[1].Path != "/s" {
		t.Error(list, err)
	}
	names, err := n.Names(t.Context())
	if err != nil || string(names.Resolv) != "nameserver 127.0.0.11\n" {
		t.Error(names, err)
	}
}

func BenchmarkDownload(b *testing.B) {
	address := serve(b, "tcp", "127.0.0.1:0", func(c net.Conn) {
		part := make([]byte, 1<<16)
		for {
			if _, err := c.Write(part); err != nil {
				c.Close()
				return
			}
		}
	})
	n, _, _ := open(b)
	c := dial(b, n, "tcp", address)
	part := make([]byte, 1<<16)
	b.SetBytes(int64(len(part)))
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N {
		if _, err := io.ReadFull(c, part); err != nil {
			b.Fatal(err)
		}
	}
}

// A process of the container may share a UNIX socket and make it block: the helper ends it nevertheless.
func TestSocketThatBlocks(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	accepted := make(chan net.Conn, 1)
	address := serve(t, "unix", path, func(c net.Conn) { accepted <- c })
	n, _, h := open(t)
	h.made.mu.Lock()
	h.made.wanted = true
	h.made.mu.Unlock()
	c := dial(t, n, "unix", address)
	peer := <-accepted
	defer peer.Close()
	l, err := n.Listen(t.Context(), "unix", path+"2")
	if err != nil {
		t.Fatal(err)
	}
	h.made.mu.Lock()
	defer h.made.mu.Unlock()
	for _, fd := range h.made.fds {
		defer unix.Close(fd)
		if err := unix.SetNonblock(fd, false); err != nil {
			t.Fatal(err)
		}
	}
	// The reader waits again after these bytes, and the listener after this connection.
	if _, err := peer.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	one, err := net.Dial("unix", path+"2")
	if err != nil {
		t.Fatal(err)
	}
	defer one.Close()
	if _, err := l.Accept(); err != nil {
		t.Fatal(err)
	}
	l.Close()
	c.Close()
	began := time.Now()
	n.Close()
	if took := time.Since(began); took > 4*time.Second { // it gives up after five
		t.Errorf("it waits %v", took)
	}
}

// A listener that cannot accept says so once, and goes on later.
func TestNoDescriptorForAConnection(t *testing.T) {
	n, link, _ := open(t)
	l, err := n.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	var before unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &before); err != nil {
		t.Fatal(err)
	}
	_ = unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: 3, Max: before.Max})
	err = unix.Connect(fd, &unix.SockaddrInet4{Port: l.Addr().(*net.TCPAddr).Port, Addr: [4]byte{127, 0, 0, 1}})
	text := ""
	select {
	case text = <-link.warned:
	case <-time.After(time.Minute):
	}
	_ = unix.Setrlimit(unix.RLIMIT_NOFILE, &before)
	if err != nil || text != "new connections have to wait in the container: too many open files" {
		t.Errorf("%q, %v", text, err)
	}
	c, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
	if len(link.warned) > 0 {
		t.Error("twice:", <-link.warned)
	}
}
