package unixconn

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/pooled"
	"github.com/nsjoin/docker-nsjoin/pkg/sockets/passing"
)

// guarded is a connection that closes the descriptors that come along with data. It is no syscall.Conn, so that nobody reads
// from it in another way.
//
// A process of a container may share the open file description, and make it block: no call here relies on O_NONBLOCK.
type guarded struct {
	conn *net.UnixConn
	raw  syscall.RawConn
	as   []byte // the control message of what is written

	closed atomic.Bool
}

// New is Guard for a connection whose messages have a control message, which may name another process as their sender. It closes
// conn if it fails. It is for Linux.
func New(conn *net.UnixConn, as []byte) (net.Conn, error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		conn.Close()
		return nil, err
	}
	_ = raw.Control(refuse)
	return &guarded{conn: conn, raw: raw, as: as}, nil
}

func refuse(fd uintptr) { passing.Refuse(int(fd)) }

func mayCome(socket syscall.Conn) (may bool) {
	if raw, err := socket.SyscallConn(); err == nil {
		_ = raw.Control(func(fd uintptr) { may = passing.MayCome(int(fd)) })
	}
	return may
}

func drain(socket syscall.Conn) {
	if raw, err := socket.SyscallConn(); err == nil {
		_ = raw.Control(func(fd uintptr) { passing.Drain(int(fd)) })
	}
}

// Write writes with the control message.
func (c *guarded) Write(data []byte) (n int, err error) {
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
	switch {
	case err != nil:
	case failed != nil && c.closed.Load(): // Close has ended it first
		err = c.failed("write", net.ErrClosed)
	case failed != nil:
		err = c.failed("write", os.NewSyscallError("sendmsg", failed))
	}
	return n, err
}

func (c *guarded) Read(data []byte) (int, error) {
	if len(data) == 0 {
		return 0, nil
	}
	n, failed := 0, error(nil)
	err := c.raw.Read(func(fd uintptr) bool {
		n, failed = passing.Read(int(fd), data)
		return !errors.Is(failed, unix.EAGAIN)
	})
	if err != nil {
		return c.came(false, 0, err)
	}
	return c.came(true, n, failed)
}

// WriteTo has a buffer only while bytes move; io.WriterTo.
func (c *guarded) WriteTo(w io.Writer) (total int64, err error) {
	for {
		b, n, failed := pooled.Read(c.raw, &spare, func(fd int, b *[bufferSize]byte) (int, error) { return passing.Read(fd, b[:]) })
		n, err := c.came(b != nil, n, failed)
		if n > 0 {
			n, err = w.Write(b[:n])
			total += int64(n)
		}
		if b != nil {
			spare.Put(b)
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

// spare holds the buffers of all connections.
//
//nolint:gochecknoglobals // a pool of the runtime's
var spare = sync.Pool{New: func() any { return new([bufferSize]byte) }}

// came returns what Read returns after n bytes or an error: that of recvmsg(2) if it was called.
func (c *guarded) came(called bool, n int, err error) (int, error) {
	switch {
	case !called:
		return 0, err
	case n <= 0 && c.closed.Load():
		return 0, c.failed("read", net.ErrClosed)
	case err != nil:
		return 0, c.failed("read", os.NewSyscallError("recvmsg", err))
	case n == 0:
		return 0, io.EOF
	}
	return n, nil
}

func (c *guarded) failed(op string, err error) error {
	return &net.OpError{Op: op, Net: "unix", Source: c.LocalAddr(), Addr: c.RemoteAddr(), Err: err}
}

func (c *guarded) CloseRead() error                   { return c.conn.CloseRead() }
func (c *guarded) CloseWrite() error                  { return c.conn.CloseWrite() }
func (c *guarded) LocalAddr() net.Addr                { return c.conn.LocalAddr() }
func (c *guarded) RemoteAddr() net.Addr               { return c.conn.RemoteAddr() }
func (c *guarded) SetDeadline(t time.Time) error      { return c.conn.SetDeadline(t) }
func (c *guarded) SetReadDeadline(t time.Time) error  { return c.conn.SetReadDeadline(t) }
func (c *guarded) SetWriteDeadline(t time.Time) error { return c.conn.SetWriteDeadline(t) }

// Close closes the connection, with all that was not read.
func (c *guarded) Close() error {
	c.closed.Store(true)
	drain(c.conn)
	return c.conn.Close()
}
