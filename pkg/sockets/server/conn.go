//go:build linux

package server

import (
	"errors"
	"os"
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/frame/streams"
	"github.com/nsjoin/docker-nsjoin/pkg/pooled"
	"github.com/nsjoin/docker-nsjoin/pkg/sockets/passing"
)

// conn is a connected socket, whose readers and writers wait in the runtime's poller.
type conn struct {
	file *os.File
	raw  syscall.RawConn
	// failed is the errno with which the connection has ended; 0 if it has not, or in an orderly way.
	failed atomic.Int32
	ended  atomic.Bool // closeWrite was called
	// writeUnix, if not nil, is how to write to a UNIX socket.
	writeUnix func(fd int, data []byte) (int, error)
}

// newUnixConn is newConn for a UNIX socket: its peer may ask the kernel who has written.
func (s *server) newUnixConn(fd int) (*conn, error) {
	c, err := newConn(fd)
	if err == nil {
		passing.Refuse(fd)
		c.writeUnix = s.dialer.WriteUnix
	}
	return c, err
}

// newConn takes a non-blocking descriptor, which it closes on an error.
func newConn(fd int) (*conn, error) {
	if err := unix.SetNonblock(fd, true); err != nil {
		unix.Close(fd)
		return nil, err
	}
	file := os.NewFile(uintptr(fd), "socket")
	raw, err := file.SyscallConn()
	if err != nil {
		file.Close()
		return nil, err
	}
	return &conn{file: file, raw: raw}, nil
}

// control calls f with the descriptor, unless that is closed.
func (c *conn) control(f func(fd int)) { _ = c.raw.Control(func(fd uintptr) { f(int(fd)) }) }

func (c *conn) localAddress() (address string) {
	c.control(func(fd int) {
		if local, err := syscall.Getsockname(fd); err == nil {
			address = addressOf(local)
		}
	})
	return address
}

// abort resets the connection.
func (c *conn) abort() {
	c.control(func(fd int) { _ = unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1}) })
	c.close()
}

func (c *conn) close() {
	if c.writeUnix != nil {
		c.control(passing.Drain)
	}
	c.file.Close()
}

// wasReset reports whether what looks like the end of a TCP connection is its reset, which a write at the same time has
// reported.
func (c *conn) wasReset() (reset bool) {
	if c.ended.Load() {
		return false // both ends have ended: the state is the same
	}
	const stateClose = 7 // TCP_CLOSE of linux/tcp_states.h
	c.control(func(fd int) {
		info, err := unix.GetsockoptTCPInfo(fd, unix.IPPROTO_TCP, unix.TCP_INFO)
		reset = err == nil && info.State == stateClose
	})
	return reset
}

// closeWrite sends the end of the data.
func (c *conn) closeWrite() {
	c.ended.Store(true)
	c.control(func(fd int) { _ = unix.Shutdown(fd, unix.SHUT_WR) })
}

// Write writes to the container; io.Writer. An error that ends the connection is kept.
func (c *conn) Write(b []byte) (n int, err error) {
	if c.writeUnix == nil {
		n, err = c.file.Write(b)
	} else {
		n, err = c.writeWhole(b)
	}
	c.keep(err)
	return n, err
}

// TryWrite writes what the container takes at once.
func (c *conn) TryWrite(b []byte) (n int, err error) {
	if c.writeUnix != nil {
		return 0, nil
	}
	n, err = pooled.TryWrite(c.raw, b)
	c.keep(err)
	return n, err
}

// writeWhole writes all of b to a UNIX socket.
func (c *conn) writeWhole(b []byte) (total int, err error) {
	waited := c.raw.Write(func(fd uintptr) bool {
		for total < len(b) {
			var n int
			n, err = c.writeUnix(int(fd), b[total:])
			total += max(n, 0)
			if errors.Is(err, unix.EAGAIN) {
				err = nil
				return false
			}
			if err != nil {
				return true
			}
		}
		return true
	})
	if waited != nil {
		return total, waited
	}
	return total, err
}

// send sends a packet.
func (c *conn) send(packet []byte) error {
	var failed error
	err := c.raw.Write(func(fd uintptr) bool {
		failed = unix.Send(int(fd), packet, unix.MSG_NOSIGNAL)
		return !errors.Is(failed, unix.EAGAIN)
	})
	if err != nil {
		return err
	}
	return failed
}

// keep keeps the first errno that ends the connection. A broken pipe ends one direction only: what the container has
// sent before can still be read.
func (c *conn) keep(err error) {
	if errno, ok := errors.AsType[syscall.Errno](err); ok && errno != unix.EPIPE {
		c.failed.CompareAndSwap(0, int32(errno))
	}
}

// read waits until there is something to read, gets a buffer only then, and reads at most room bytes into it.
func (c *conn) read(s *server, room int) (buf *streams.Buffer, n int, err error) {
	return pooled.Read(c.raw, &s.buffers, func(fd int, b *streams.Buffer) (int, error) {
		into := b.Data()
		into = into[:min(room, len(into))]
		if c.writeUnix != nil {
			return passing.Read(fd, into) // a process of the container may have made the socket block
		}
		return unix.Read(fd, into)
	})
}
