package client

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/sockets/message"
)

// unixConn is a connection of a UNIX socket whose messages name another process as their sender. It is no syscall.Conn: see
// Network.
//
// A process of the container may share the open file description, and make it block: no call here relies on O_NONBLOCK.
type unixConn struct {
	conn *net.UnixConn
	raw  syscall.RawConn
	as   []byte // the control message
}

// Write writes with the control message.
func (c *unixConn) Write(data []byte) (n int, err error) {
	var failed error
	err = c.raw.Write(func(fd uintptr) bool {
		for n < len(data) && failed == nil {
			var sent int
			sent, failed = unix.SendmsgN(int(fd), data[n:], c.as, nil, unix.MSG_NOSIGNAL|unix.MSG_DONTWAIT)
			n += max(sent, 0)
			switch {
			case errors.Is(failed, unix.EAGAIN):
				failed = nil
				return false
			case errors.Is(failed, unix.EINTR):
				failed = nil
			}
		}
		return true
	})
	if err == nil && failed != nil {
		err = c.failed("write", os.NewSyscallError("sendmsg", failed))
	}
	return n, err
}

func (c *unixConn) Read(data []byte) (int, error) {
	if len(data) == 0 {
		return 0, nil
	}
	return c.read(func(fd int) (int, error) { return receive(fd, data) })
}

// WriteTo has a buffer only while bytes move; io.WriterTo.
func (c *unixConn) WriteTo(w io.Writer) (total int64, err error) {
	for {
		var buffer *[bufferSize]byte
		n, err := c.read(func(fd int) (int, error) {
			buffer = unixBuffers.Get().(*[bufferSize]byte)
			n, err := receive(fd, buffer[:])
			if n <= 0 {
				unixBuffers.Put(buffer)
			}
			return n, err
		})
		if n > 0 {
			n, err = w.Write(buffer[:n])
			total += int64(n)
			unixBuffers.Put(buffer)
		}
		if errors.Is(err, io.EOF) {
			return total, nil
		}
		if err != nil {
			return total, err
		}
	}
}

const bufferSize = 32 << 10

// unixBuffers holds the buffers of all connections.
//
//nolint:gochecknoglobals // a pool of the runtime's
var unixBuffers = sync.Pool{New: func() any { return new([bufferSize]byte) }}

func receive(fd int, data []byte) (n int, err error) {
	for {
		n, _, err = unix.Recvfrom(fd, data, unix.MSG_DONTWAIT)
		if !errors.Is(err, unix.EINTR) {
			return n, err
		}
	}
}

// read waits until receive does not return EAGAIN.
func (c *unixConn) read(receive func(fd int) (int, error)) (n int, err error) {
	var failed error
	err = c.raw.Read(func(fd uintptr) bool {
		n, failed = receive(int(fd))
		return !errors.Is(failed, unix.EAGAIN)
	})
	switch {
	case err != nil:
		return 0, err
	case failed != nil:
		return 0, c.failed("read", os.NewSyscallError("recvfrom", failed))
	case n == 0:
		return 0, io.EOF
	}
	return n, nil
}

func (c *unixConn) failed(op string, err error) error {
	return &net.OpError{Op: op, Net: "unix", Source: c.LocalAddr(), Addr: c.RemoteAddr(), Err: err}
}

func (c *unixConn) Close() error                       { return c.conn.Close() }
func (c *unixConn) CloseRead() error                   { return c.conn.CloseRead() }
func (c *unixConn) CloseWrite() error                  { return c.conn.CloseWrite() }
func (c *unixConn) LocalAddr() net.Addr                { return c.conn.LocalAddr() }
func (c *unixConn) RemoteAddr() net.Addr               { return c.conn.RemoteAddr() }
func (c *unixConn) SetDeadline(t time.Time) error      { return c.conn.SetDeadline(t) }
func (c *unixConn) SetReadDeadline(t time.Time) error  { return c.conn.SetReadDeadline(t) }
func (c *unixConn) SetWriteDeadline(t time.Time) error { return c.conn.SetWriteDeadline(t) }

// dialUnix has the helper connect to a UNIX socket.
func (l *Local) dialUnix(ctx context.Context, path string) (net.Conn, error) {
	f, as, _, err := l.askUnix(ctx, message.Connect, path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	conn, err := net.FileConn(f)
	if err != nil {
		return nil, err
	}
	return newUnixConn(conn, as)
}

// askUnix has the helper make a UNIX socket. It returns the socket, the control message of what is written to it, and the
// ID of the question.
func (l *Local) askUnix(ctx context.Context, do message.Task, path string) (f *os.File, as []byte, id uint64, err error) {
	r, err := l.ask(ctx, message.Question{Do: do, Path: path, Type: unix.SOCK_STREAM})
	if err != nil {
		return nil, nil, 0, err
	}
	if len(r.fds) != 1 || r.Writer == nil {
		closeAll(r.fds)
		return nil, nil, 0, errors.New("the helper's answer has no socket")
	}
	_ = unix.SetNonblock(r.fds[0], true) // it is already, unless a process of the container has changed it
	as = unix.UnixCredentials(&unix.Ucred{Pid: int32(r.Writer.PID), Uid: uint32(r.Writer.UID), Gid: uint32(r.Writer.GID)})
	return os.NewFile(uintptr(r.fds[0]), "unix"), as, r.ID, nil
}

func newUnixConn(conn net.Conn, as []byte) (net.Conn, error) {
	c, ok := conn.(*net.UnixConn)
	if !ok {
		conn.Close()
		return nil, errors.New("the helper's answer is no UNIX socket")
	}
	raw, err := c.SyscallConn()
	if err != nil {
		c.Close()
		return nil, err
	}
	return &unixConn{c, raw, as}, nil
}

// listenUnix has the helper bind a UNIX socket.
func (l *Local) listenUnix(ctx context.Context, path string) (net.Listener, error) {
	f, as, id, err := l.askUnix(ctx, message.Listen, path)
	if err != nil {
		return nil, err
	}
	u := &unixListener{file: f, at: &net.UnixAddr{Name: path, Net: "unix"}, network: l, as: as, id: id}
	if u.raw, err = f.SyscallConn(); err != nil {
		u.Close()
		return nil, err
	}
	return u, nil
}

// unixListener is a UNIX socket that listens in the container.
type unixListener struct {
	file    *os.File
	raw     syscall.RawConn
	at      net.Addr
	closed  atomic.Bool
	network *Local
	as      []byte
	id      uint64 // of the question that bound it
}

// Addr returns the address as it was asked for.
func (u *unixListener) Addr() net.Addr { return u.at }

// Accept returns the next connection.
func (u *unixListener) Accept() (net.Conn, error) {
	var fd int
	var failed error
	err := u.raw.Read(func(listener uintptr) bool {
		if !readable(listener) { // accept(2) would wait if a process of the container has made it block
			return false
		}
		fd, _, failed = unix.Accept4(int(listener), unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK)
		return !errors.Is(failed, unix.EAGAIN)
	})
	switch {
	case u.closed.Load():
		if err == nil && failed == nil {
			unix.Close(fd)
		}
		return nil, &net.OpError{Op: "accept", Net: "unix", Addr: u.at, Err: net.ErrClosed}
	case err != nil:
		return nil, err
	case failed != nil:
		return nil, &net.OpError{Op: "accept", Net: "unix", Addr: u.at, Err: os.NewSyscallError("accept4", failed)}
	}
	f := os.NewFile(uintptr(fd), "unix")
	defer f.Close()
	conn, err := net.FileConn(f)
	if err != nil {
		return nil, err
	}
	return newUnixConn(conn, u.as)
}

// readable reports whether a socket has something to read or accept.
func readable(fd uintptr) bool {
	n, _ := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 0)
	return n > 0
}

// Close closes the socket and has the helper remove its file.
func (u *unixListener) Close() error {
	if u.closed.Swap(true) {
		return net.ErrClosed
	}
	if u.raw != nil {
		_ = u.raw.Control(func(fd uintptr) { _ = unix.Shutdown(int(fd), unix.SHUT_RDWR) }) // ends an accept(2) that waits
	}
	err := u.file.Close()
	_, _ = u.network.ask(context.Background(), message.Question{Do: message.Remove, Of: u.id})
	return err
}
