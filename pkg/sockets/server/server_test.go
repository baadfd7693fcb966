//go:build linux

package server_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/attached"
	"github.com/nsjoin/docker-nsjoin/pkg/sockets/client"
	"github.com/nsjoin/docker-nsjoin/pkg/sockets/message"
	"github.com/nsjoin/docker-nsjoin/pkg/sockets/server"
)

// here makes sockets in the test's own network.
type here struct {
	ended chan struct{}
	why   *error // of Err
	made  *made
}

// made has copies of UNIX sockets.
type made struct {
	mu     sync.Mutex
	wanted bool
	fds    []int
}

// keep keeps a copy of a UNIX socket, as a process of the container can that has made it.
func (h here) keep(fd int) {
	h.made.mu.Lock()
	defer h.made.mu.Unlock()
	if !h.made.wanted {
		return
	}
	if again, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0); err == nil {
		h.made.fds = append(h.made.fds, again)
	}
}

func (here) Socket(family, typ, protocol int) (int, error) {
	return unix.Socket(family, typ|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, protocol)
}

func (h here) ConnectUnix(path string, typ int) (int, error) {
	fd, err := h.Socket(unix.AF_UNIX, typ, 0)
	if err == nil {
		if err = unix.Connect(fd, &unix.SockaddrUnix{Name: path}); err != nil {
			unix.Close(fd)
		} else {
			h.keep(fd)
		}
	}
	return fd, err
}

func (h here) ListenUnix(path string, typ int) (int, func(), error) {
	fd, err := h.Socket(unix.AF_UNIX, typ, 0)
	if err == nil {
		if err = errors.Join(unix.Bind(fd, &unix.SockaddrUnix{Name: path}), unix.Listen(fd, unix.SOMAXCONN)); err != nil {
			unix.Close(fd)
		} else {
			h.keep(fd)
		}
	}
	return fd, func() { os.Remove(path) }, err
}

func (here) WriteUnix(fd int, data []byte) (int, error) {
	return unix.SendmsgN(fd, data, nil, nil, unix.MSG_NOSIGNAL|unix.MSG_DONTWAIT)
}

func (here) Listening(bool) ([]message.Waiting, error) {
	return []message.Waiting{{Network: "tcp", Address: "[::]:80", PID: 1, Program: "nginx"}, {Network: "unix", Path: "/s"}}, nil
}

func (here) Names() message.Names     { return message.Names{Resolv: []byte("nameserver 127.0.0.11\n")} }
func (h here) Ended() <-chan struct{} { return h.ended }
func (h here) Err() error             { return *h.why }

// link is a helper that runs in this process.
type link struct {
	in, out *os.File // the client's ends
	served  chan error
	warned  chan string
}

func (l *link) Write(b []byte) (int, error) { return l.in.Write(b) }
func (l *link) CloseWrite() error           { return l.in.Close() }
func (l *link) Close()                      { l.in.Close(); l.out.Close() }

func (l *link) Output(stdout, _ io.Writer) error {
	_, err := io.Copy(struct{ io.Writer }{stdout}, struct{ io.Reader }{l.out})
	return err
}

// open returns a network whose server runs in this process.
func open(t testing.TB) (*client.Remote, *link, here) {
	t.Helper()
	h := here{ended: make(chan struct{}), why: new(error), made: new(made)}
	n, l := openWith(t, h, h.why)
	return n, l, h
}

// openWith is open with a dialer. Serve returns *why.
func openWith(t testing.TB, d server.Dialer, why *error) (*client.Remote, *link) {
	t.Helper()
	inR, inW, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	outR, outW, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	l := &link{in: inW, out: outR, served: make(chan error, 1), warned: make(chan string, 10)}
	go func() {
		err := server.Serve(d, inR, outW, func(text string) { l.warned <- text })
		inR.Close()
		outW.Close()
		l.served <- err
	}()
	c, err := attached.Connect(t.Context(), l, io.Discard, 0)
	if err != nil {
		t.Fatal(err)
	}
	n := &client.Remote{Connection: c}
	t.Cleanup(func() {
		n.Close()
		if err := <-l.served; !errors.Is(err, *why) {
			t.Errorf("serve: %v", err)
		}
	})
	return n, l
}

// serve serves connections of a listener by f, and returns its address.
func serve(t testing.TB, network, address string, f func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	var wait sync.WaitGroup
	wait.Go(func() {
		for c, err := l.Accept(); err == nil; c, err = l.Accept() {
			wait.Go(func() { f(c) })
		}
	})
	t.Cleanup(func() { l.Close(); wait.Wait() })
	return l.Addr().String()
}

func echo(c net.Conn) {
	_, _ = io.Copy(c, c)
	c.Close()
}

func dial(t testing.TB, n client.Network, network, address string) net.Conn {
	t.Helper()
	c, err := n.Dial(t.Context(), network, address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

type halfCloser interface{ CloseWrite() error }

// exchange sends size bytes and their end, and expects them back.
func exchange(t *testing.T, c net.Conn, seed byte, size int64) {
	t.Helper()
	sent, got := sha256.New(), sha256.New()
	go func() {
		_, _ = io.CopyN(io.MultiWriter(sent, c), rand.NewChaCha8([32]byte{seed}), size)
		_ = c.(halfCloser).CloseWrite()
	}()
	if n, err := io.Copy(got, c); err != nil || n != size || !bytes.Equal(sent.Sum(nil), got.Sum(nil)) {
		t.Errorf("%d of %d bytes: %v", n, size, err)
	}
}

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

// serveUDP sends packets back to where they came from. stop ends that.
func serveUDP(t *testing.T, address string) (bound string, stop func()) {
	t.Helper()
	server, err := net.ListenPacket("udp", address)
	if err != nil {
		t.Fatal(err)
	}
	var wait sync.WaitGroup
	wait.Go(func() {
		b := make([]byte, 1<<16)
		for {
			n, from, err := server.ReadFrom(b)
			if err != nil {
				return
			}
			_, _ = server.WriteTo(b[:n], from)
		}
	})
	return server.LocalAddr().String(), func() { server.Close(); wait.Wait() }
}

// exchangePacket sends a packet and expects it back.
func exchangePacket(t *testing.T, c net.Conn, b []byte, size int) {
	t.Helper()
	n, err := -1, error(nil)
	for range 10 { // the kernel drops packets on a busy machine
		if _, err := c.Write(b[:size]); err != nil {
			t.Fatal(err)
		}
		_ = c.SetReadDeadline(time.Now().Add(5 * time.Second))
		for n = -1; n != size && err == nil; { // others are late answers to one that was repeated
			n, err = c.Read(b)
		}
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			break
		}
		n, err = -1, nil
	}
	if n != size || err != nil {
		t.Errorf("%d of %d bytes, %v", n, size, err)
	}
}

func TestUDP(t *testing.T) {
	for _, address := range []string{"127.0.0.1:0", "[::1]:0"} {
		bound, stop := serveUDP(t, address)
		n, _, _ := open(t)
		c := dial(t, n, "udp", bound)
		b := make([]byte, 1<<16)
		for _, size := range []int{1, 1400, 0, 60000} {
			exchangePacket(t, c, b, size)
		}
		stop()
		var err error
		for range 20 { // the kernel sends a limited number of ICMP messages a second
			_, _ = c.Write(b[:1])
			_ = c.SetReadDeadline(time.Now().Add(time.Second))
			if _, err = c.Read(b); err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
				break
			}
		}
		if !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("nobody is there: %v", err)
		}
		c.Close()
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
