//go:build linux

package server

import (
	"errors"
	"os"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/frame/streams"
)

// connect connects to the address of a stream, and passes data on until one of the two has ended.
func (s *server) connect(stream *streams.Stream) error {
	if stream.Network() == streams.Unix {
		fd, err := s.dialer.ConnectUnix(stream.Address(), unix.SOCK_STREAM)
		if err != nil {
			return err
		}
		c, err := s.newUnixConn(fd)
		if err != nil {
			return err
		}
		stream.Accept("")
		s.relay(stream, c)
		return nil
	}
	typ := unix.SOCK_STREAM
	if stream.Network() == streams.UDP {
		typ = unix.SOCK_DGRAM
	}
	fd, to, err := s.socket(stream.Address(), typ)
	if err != nil {
		return err
	}
	if typ == unix.SOCK_STREAM {
		_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1)
		near(fd, to)
	}
	err = unix.Connect(fd, to)
	if err != nil && !errors.Is(err, unix.EINPROGRESS) && !errors.Is(err, unix.EINTR) {
		unix.Close(fd)
		return err
	}
	c, failed := newConn(fd)
	if failed != nil {
		return failed
	}
	if err != nil {
		// The client may give up meanwhile.
		stream.OnOver(func(bool) { c.file.Close() })
		if err := c.waitConnected(); err != nil {
			c.file.Close()
			return err
		}
	}
	stream.Accept(c.localAddress())
	if typ == unix.SOCK_DGRAM {
		s.relayPackets(stream, c)
	} else {
		s.relay(stream, c)
	}
	return nil
}

// socket makes a socket for an address of IP, as package streams has it.
func (s *server) socket(address string, typ int) (fd int, of unix.Sockaddr, err error) {
	const portSize = 2
	family, size := unix.AF_INET, net4
	if address != "" && address[0] == '6' {
		family, size = unix.AF_INET6, net6
	}
	if len(address) < 1+size+portSize || address[0] != '4' && address[0] != '6' || family == unix.AF_INET && len(address) > 1+size+portSize {
		return -1, nil, unix.EINVAL
	}
	ip, rest := address[1:1+size], address[1+size:]
	port, zone := int(rest[0])<<8|int(rest[1]), rest[portSize:]
	if fd, err = s.dialer.Socket(family, typ, 0); err != nil {
		return -1, nil, err
	}
	if family == unix.AF_INET {
		return fd, &unix.SockaddrInet4{Port: port, Addr: [net4]byte([]byte(ip))}, nil
	}
	number, err := zoneOf(fd, zone)
	if err != nil {
		unix.Close(fd)
		return -1, nil, err
	}
	return fd, &unix.SockaddrInet6{Port: port, Addr: [net6]byte([]byte(ip)), ZoneId: number}, nil
}

// Sizes of IP addresses.
const net4, net6 = 4, 16

// near prepares a socket whose peers are on this machine, as rawconn.Near does.
func near(fd int, at unix.Sockaddr) {
	const loopback = 127 // the first byte
	switch a := at.(type) {
	case *unix.SockaddrInet4:
		if a.Addr[0] != loopback {
			return
		}
	case *unix.SockaddrInet6:
		if a.Addr != [net6]byte{net6 - 1: 1} && [net6 - net4 + 1]byte(a.Addr[:]) != [net6 - net4 + 1]byte{10: 0xff, 11: 0xff, 12: loopback} {
			return
		}
	default:
		return
	}
	_ = unix.SetsockoptString(fd, unix.IPPROTO_TCP, unix.TCP_CONGESTION, "reno")
}

// zoneOf returns the number of an interface of the network that a socket is in.
func zoneOf(fd int, name string) (uint32, error) {
	if name == "" {
		return 0, nil
	}
	if number, err := strconv.ParseUint(name, 10, 32); err == nil {
		return uint32(number), nil
	}
	request, err := unix.NewIfreq(name)
	if err == nil {
		err = unix.IoctlIfreq(fd, unix.SIOCGIFINDEX, request)
	}
	if err != nil {
		return 0, err
	}
	return request.Uint32(), nil
}

// addressOf returns a socket's address as package streams has it; "" for one of UNIX.
func addressOf(a syscall.Sockaddr) string {
	switch a := a.(type) {
	case *syscall.SockaddrInet4:
		return string(append(append([]byte{'4'}, a.Addr[:]...), byte(a.Port>>8), byte(a.Port)))
	case *syscall.SockaddrInet6:
		b := append(append([]byte{'6'}, a.Addr[:]...), byte(a.Port>>8), byte(a.Port))
		if a.ZoneId != 0 {
			b = strconv.AppendUint(b, uint64(a.ZoneId), 10)
		}
		return string(b)
	}
	return ""
}

// waitConnected waits until a connect(2) that is under way has ended.
func (c *conn) waitConnected() error {
	_ = c.file.SetWriteDeadline(time.Now().Add(connectTimeout))
	defer func() { _ = c.file.SetWriteDeadline(time.Time{}) }()
	var failed error
	err := c.raw.Write(func(fd uintptr) bool {
		number, err := unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_ERROR)
		switch errno := unix.Errno(number); {
		case err != nil:
			failed = err
			return true
		case errno != 0 && errno != unix.EINPROGRESS && errno != unix.EALREADY && errno != unix.EINTR && errno != unix.EISCONN:
			failed = errno
			return true
		}
		_, err = unix.Getpeername(int(fd))
		return err == nil
	})
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return unix.ETIMEDOUT
	case err != nil:
		return unix.ECANCELED
	}
	return failed
}
