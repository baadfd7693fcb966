// Package lingertest makes what a hostile peer of a UNIX socket passes: the last descriptor of a socket whose close(2) waits.
package lingertest

import (
	"errors"
	"testing"

	"golang.org/x/sys/unix"
)

// Seconds is how long closing the descriptor waits.
const Seconds = 600

// Send sends text to the peer of a UNIX socket, and with it the only descriptor of a TCP socket that lingers, since nobody reads
// what it has sent.
func Send(t *testing.T, fd int, text string) {
	t.Helper()
	passed := Socket(t)
	defer unix.Close(passed) // it is not the last one then
	if err := unix.Sendmsg(fd, []byte(text), unix.UnixRights(passed), nil, 0); err != nil {
		t.Fatal(err)
	}
}

// Socket returns that TCP socket.
func Socket(t *testing.T) int {
	t.Helper()
	listener, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(listener) }) // which resets the connection: nothing waits after the test
	socket, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	err = errors.Join(unix.Bind(listener, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}), unix.Listen(listener, 1))
	if err != nil {
		t.Fatal(err)
	}
	at, err := unix.Getsockname(listener)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.Connect(socket, at); err != nil && !errors.Is(err, unix.EINPROGRESS) {
		t.Fatal(err)
	}
	if _, err := unix.Poll([]unix.PollFd{{Fd: int32(socket), Events: unix.POLLOUT}}, -1); err != nil && !errors.Is(err, unix.EINTR) {
		t.Fatal(err)
	}
	for err == nil {
		_, err = unix.Write(socket, make([]byte, 1<<20))
	}
	if !errors.Is(err, unix.EAGAIN) {
		t.Fatal(err)
	}
	if err := unix.SetsockoptLinger(socket, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1, Linger: Seconds}); err != nil {
		t.Fatal(err)
	}
	return socket
}
