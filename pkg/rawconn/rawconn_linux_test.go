package rawconn_test

import (
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/leaktest"
	"github.com/nsjoin/docker-nsjoin/pkg/rawconn"
)

func TestMain(m *testing.M) { os.Exit(leaktest.Run(m)) }

// pair returns a connection and its other end.
func pair(t *testing.T) (*rawconn.Conn, *net.TCPConn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err == nil {
		err = unix.Connect(fd, &unix.SockaddrInet4{Port: l.Addr().(*net.TCPAddr).Port, Addr: [4]byte{127, 0, 0, 1}})
	}
	if err == nil {
		err = unix.SetNonblock(fd, true)
	}
	if err != nil {
		t.Fatal(err)
	}
	other, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	c := rawconn.New(fd, nil, nil)
	t.Cleanup(func() {
		_ = c.Close()
		_ = other.Close()
	})
	return c, other.(*net.TCPConn)
}

// What is asked of the descriptor does not need package net; what may wait does. Each method works before and after that.
func TestConn(t *testing.T) {
	c, other := pair(t)
	addresses := func() {
		t.Helper()
		if c.LocalAddr().String() != other.RemoteAddr().String() || c.RemoteAddr().String() != other.LocalAddr().String() {
			t.Errorf("%s, %s", c.LocalAddr(), c.RemoteAddr())
		}
	}
	addresses()
	if _, ok := c.Descriptor(); !ok {
		t.Error("no descriptor")
	}
	_ = c.SetDeadline(time.Now().Add(time.Minute))
	if _, err := c.Write([]byte("there")); err != nil {
		t.Error(err)
	}
	if _, ok := c.Descriptor(); ok {
		t.Error("a descriptor, which package net has")
	}
	addresses()
	if err := c.CloseWrite(); err != nil {
		t.Error(err)
	}
	if text, err := io.ReadAll(other); string(text) != "there" || err != nil {
		t.Errorf("%q, %v", text, err)
	}
	_, _ = other.Write([]byte("back"))
	_ = other.Close()
	if text, err := io.ReadAll(c); string(text) != "back" || err != nil {
		t.Errorf("%q, %v", text, err)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	if _, err := c.Read(make([]byte, 1)); !errors.Is(err, net.ErrClosed) {
		t.Error(err)
	}
}

// The end and a reset need no package net.
func TestEndWithoutPoller(t *testing.T) {
	c, other := pair(t)
	if err := c.CloseWrite(); err != nil {
		t.Error(err)
	}
	if text, err := io.ReadAll(other); len(text) > 0 || err != nil {
		t.Errorf("%q, %v", text, err)
	}
	if err := errors.Join(c.SetLinger(0), c.Close()); err != nil {
		t.Error(err)
	}
	for range 100 { // the reset comes at once, but the first write may not know it
		if _, err := other.Write([]byte("x")); err != nil {
			break
		}
	}
	if _, err := other.Write([]byte("x")); err == nil {
		t.Error("no reset")
	}
	if err := c.Close(); !errors.Is(err, net.ErrClosed) {
		t.Error(err)
	}
	if err := c.SetLinger(0); !errors.Is(err, net.ErrClosed) {
		t.Error(err)
	}
}

// A released descriptor stays open.
func TestRelease(t *testing.T) {
	c, other := pair(t)
	fd, _ := c.Descriptor()
	c.Release()
	defer unix.Close(fd)
	if err := c.Close(); !errors.Is(err, net.ErrClosed) {
		t.Error(err)
	}
	if _, err := unix.Write(fd, []byte("x")); err != nil {
		t.Error(err)
	}
	if _, err := other.Read(make([]byte, 1)); err != nil {
		t.Error(err)
	}
}

// Without a descriptor for package net, the peer is reset, and each call says why.
func TestNoMoreDescriptors(t *testing.T) {
	c, other := pair(t)
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	none := limit
	none.Cur = 1
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &none); err != nil {
		t.Fatal(err)
	}
	_, err := c.Read(make([]byte, 1))
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	_, again := c.Write([]byte("x"))
	for i, err := range []error{err, again, c.SetLinger(0), c.Close()} {
		if !errors.Is(err, unix.EMFILE) {
			t.Errorf("call %d: %v", i, err)
		}
	}
	if n, err := other.Read(make([]byte, 1)); !errors.Is(err, unix.ECONNRESET) {
		t.Error(n, err)
	}
}
