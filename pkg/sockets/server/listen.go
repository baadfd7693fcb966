//go:build linux

package server

import (
	"errors"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/frame/streams"
	"github.com/nsjoin/docker-nsjoin/pkg/sockets/passing"
)

// listen listens on the address of a stream, and opens a stream for each connection, until the client closes the
// listener.
func (s *server) listen(stream *streams.Stream) error {
	if stream.Network() == streams.ListenUnix {
		fd, remove, err := s.dialer.ListenUnix(stream.Address(), unix.SOCK_STREAM)
		if err != nil {
			return err
		}
		defer remove()
		passing.Refuse(fd)
		return s.acceptFrom(stream, fd, func(*conn) string { return stream.Address() })
	}
	fd, at, err := s.socket(stream.Address(), unix.SOCK_STREAM)
	if err != nil {
		return err
	}
	_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1)
	near(fd, at)
	if _, ok := at.(*unix.SockaddrInet6); ok {
		_ = unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, 1)
	}
	if err = unix.Bind(fd, at); err == nil {
		err = unix.Listen(fd, unix.SOMAXCONN)
	}
	if err != nil {
		unix.Close(fd)
		return err
	}
	return s.acceptFrom(stream, fd, (*conn).localAddress)
}

// acceptFrom accepts connections of a listening socket.
func (s *server) acceptFrom(stream *streams.Stream, fd int, address func(*conn) string) error {
	l, err := newConn(fd)
	if err != nil {
		return err
	}
	defer l.stopListening()
	ended := make(chan struct{})
	defer close(ended)
	go func() {
		select {
		case <-s.stop:
			stream.Reset(int(unix.ENETDOWN))
			l.stopListening()
		case <-ended:
		}
	}()
	stream.OnOver(func(bool) { l.stopListening() })
	stream.Accept(address(l))
	for {
		if _, err := stream.Room(); err != nil {
			stream.Close()
			return nil
		}
		fd, from, err := l.accept()
		if errno, ok := errors.AsType[unix.Errno](err); ok && !fatal(errno) {
			s.failing.Do(func() { s.warn("new connections have to wait in the container: " + errno.Error()) })
			time.Sleep(10 * time.Millisecond) // for example, no descriptor is free
			continue
		}
		if err != nil {
			stream.Close()
			return nil
		}
		s.accepted(stream, fd, from)
	}
}

// stopListening closes a socket that listens. It ends an accept(2) that waits, if a process of the container has made the
// socket block.
func (c *conn) stopListening() {
	c.control(passing.Drain)
	c.file.Close()
}

// fatal reports whether a socket accepts no more after an error.
func fatal(errno unix.Errno) bool {
	return errno == unix.EBADF || errno == unix.EINVAL || errno == unix.ENOTSOCK || errno == unix.EOPNOTSUPP
}

// accept waits for a connection.
func (c *conn) accept() (fd int, from syscall.Sockaddr, err error) {
	waited := c.raw.Read(func(listener uintptr) bool {
		fd, from, err = passing.Accept(int(listener), unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
		return !errors.Is(err, unix.EAGAIN)
	})
	if waited != nil {
		return -1, nil, waited
	}
	return fd, from, err
}

// accepted opens a stream for a connection.
func (s *server) accepted(listener *streams.Stream, fd int, from syscall.Sockaddr) {
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1) // fails for a UNIX socket
	newConn := newConn
	if listener.Network() == streams.ListenUnix {
		newConn = s.newUnixConn
	}
	c, err := newConn(fd)
	if err != nil {
		return
	}
	stream, err := listener.Connection(addressOf(from))
	if err != nil {
		c.abort()
		return
	}
	go s.relay(stream, c)
}
