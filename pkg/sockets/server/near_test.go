//go:build linux

package server

import (
	"testing"

	"golang.org/x/sys/unix"
)

// Only a socket whose peer is on this machine has no congestion control that delays.
func TestNear(t *testing.T) {
	for _, c := range []struct {
		at   unix.Sockaddr
		near bool
	}{
		{&unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}, true},
		{&unix.SockaddrInet4{Addr: [4]byte{127, 9, 9, 9}}, true},
		{&unix.SockaddrInet4{Addr: [4]byte{10, 0, 0, 1}}, false},
		{&unix.SockaddrInet4{}, false},
		{&unix.SockaddrInet6{Addr: [16]byte{15: 1}}, true},
		{&unix.SockaddrInet6{Addr: [16]byte{0: 0xfd, 15: 1}}, false},
		{&unix.SockaddrInet6{}, false},
		{&unix.SockaddrInet6{Addr: [16]byte{10: 0xff, 11: 0xff, 12: 127, 15: 1}}, true},
		{&unix.SockaddrInet6{Addr: [16]byte{10: 0xff, 11: 0xff, 12: 10, 15: 1}}, false},
		{&unix.SockaddrUnix{Name: "/s"}, false},
	} {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer unix.Close(fd)
		// Where reno is the default, another one shows what near does.
		for _, other := range []string{"cubic", "bbr"} {
			if unix.SetsockoptString(fd, unix.IPPROTO_TCP, unix.TCP_CONGESTION, other) == nil {
				break
			}
		}
		want, err := unix.GetsockoptString(fd, unix.IPPROTO_TCP, unix.TCP_CONGESTION)
		if err != nil {
			t.Fatal(err)
		}
		if c.near {
			want = "reno"
		}
		near(fd, c.at)
		if got, err := unix.GetsockoptString(fd, unix.IPPROTO_TCP, unix.TCP_CONGESTION); got != want || err != nil {
			t.Errorf("%v: %s, %v; want %s", c.at, got, err, want)
		}
	}
}
