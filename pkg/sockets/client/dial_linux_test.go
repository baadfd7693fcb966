package client

import (
	"context"
	"errors"
	"net"
	"os"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/sockets/message"
)

// A signal while a connection is made does not make it look as if it were there.
func TestConnectDuringSignals(t *testing.T) {
	at, err := silent(t)
	if err != nil {
		t.Fatal(err)
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	thread, stop, stopped := unix.Gettid(), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			default:
				_ = unix.Tgkill(os.Getpid(), thread, unix.SIGURG) // which the Go runtime uses itself
			}
		}
	}()
	defer func() { close(stop); <-stopped }()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	const times = 5000
	for range times {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
		if err != nil {
			t.Fatal(err)
		}
		err = connect(ctx, fd, at)
		unix.Close(fd)
		if !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
	}
}

// A connection to a loopback address has no congestion control that delays, at either end.
func TestDialNear(t *testing.T) {
	l := helper(t, func(q message.Question) (message.Answer, []int) {
		fd, err := unix.Socket(q.Family, q.Type|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
		if err != nil {
			t.Error(err)
		}
		return message.Answer{}, []int{fd}
	})
	at, err := l.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer at.Close()
	fd, err := l.dialFD(t.Context(), "tcp", at.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	accepted, err := at.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer accepted.Close()
	f, err := accepted.(*net.TCPConn).File()
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, end := range []int{fd, int(f.Fd())} {
		if got, err := unix.GetsockoptString(end, unix.IPPROTO_TCP, unix.TCP_CONGESTION); got != "reno" || err != nil {
			t.Errorf("the congestion control is %s, %v", got, err)
		}
	}
}

// silent returns an address that does not answer: the queue of its listener is full.
func silent(t *testing.T) (unix.Sockaddr, error) {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	t.Cleanup(func() { unix.Close(fd) })
	if err := errors.Join(unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}), unix.Listen(fd, 0)); err != nil {
		return nil, err
	}
	at, err := unix.Getsockname(fd)
	if err != nil {
		return nil, err
	}
	first, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	t.Cleanup(func() { unix.Close(first) })
	return at, unix.Connect(first, at)
}
