package listen_test

import (
	"errors"
	"net"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/forward/listen"
	"github.com/nsjoin/docker-nsjoin/pkg/forward/spec"
	"github.com/nsjoin/docker-nsjoin/pkg/rawconn"
)

// Connections have the options that package net sets, from their listener, and are not in the runtime's poller.
func TestAcceptedConnections(t *testing.T) {
	for _, anyUser := range []bool{false, true} { // with it, the listener takes Multipath TCP
		s, err := listen.On(t.Context(), spec.Listen{Network: spec.TCP, Address: "127.0.0.1"}, nil, anyUser)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		client, err := net.Dial("tcp", s.Addresses()[0])
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
		conn, err := s.Listeners[0].Accept()
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		fd, ok := conn.(*rawconn.Conn).Descriptor()
		if !ok || conn.RemoteAddr().String() != client.LocalAddr().String() || conn.LocalAddr().String() != client.RemoteAddr().String() {
			t.Errorf("%t, %s, %s", ok, conn.LocalAddr(), conn.RemoteAddr())
		}
		for _, option := range []struct{ level, number, want int }{
			{unix.IPPROTO_TCP, unix.TCP_NODELAY, 1},
			{unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, 15},
			{unix.IPPROTO_TCP, unix.TCP_KEEPINTVL, 15},
			{unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1},
		} {
			if got, err := unix.GetsockoptInt(fd, option.level, option.number); got != option.want || err != nil {
				t.Errorf("option %d is %d, %v", option.number, got, err)
			}
		}
		expectNear(t, fd)
		ended := make(chan error)
		go func() { _, err := s.Listeners[0].Accept(); ended <- err }()
		s.Close()
		if err := <-ended; !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
	}
}

// expectNear checks that a connection has no congestion control that delays.
func expectNear(t *testing.T, fd int) {
	t.Helper()
	if got, err := unix.GetsockoptString(fd, unix.IPPROTO_TCP, unix.TCP_CONGESTION); got != "reno" || err != nil {
		t.Errorf("the congestion control is %s, %v", got, err)
	}
}
