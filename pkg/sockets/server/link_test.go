//go:build linux

package server_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"sync"
	"testing"

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

func (here) Names() message.Names { return message.Names{Resolv: []byte("nameserver 127.0.0.11\n")} }

func (h here) Ended() <-chan struct{} { return h.ended }

func (h here) Err() error { return *h.why }

// link is a helper that runs in this process.
type link struct {
	in, out *os.File // the client's ends
	served  chan error
	warned  chan string
}

func (l *link) Write(b []byte) (int, error) { return l.in.Write(b) }

func (l *link) CloseWrite() error { return l.in.Close() }

func (l *link) Close() { l.in.Close(); l.out.Close() }

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
