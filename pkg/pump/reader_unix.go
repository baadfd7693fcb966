//go:build unix

package pump

import (
	"io"
	"net"
	"os"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/pooled"
)

// rawOf returns what waits for a socket of package net and calls the kernel; nil for other connections.
func rawOf(conn net.Conn) (raw syscall.RawConn) {
	switch c := conn.(type) {
	case *net.TCPConn:
		raw, _ = c.SyscallConn()
	case *net.UnixConn:
		raw, _ = c.SyscallConn()
	}
	return raw
}

// reader returns a function that reads from a connection. It borrows a buffer when there is something to read: thousands
// of idle connections need none. It returns the buffer, which is nil if nothing was read, and the number of bytes in it.
func reader(from net.Conn) func() (*buffer, int, error) {
	raw := rawOf(from)
	if raw == nil {
		return plainReader(from)
	}
	return func() (*buffer, int, error) {
		b, n, err := pooled.Read(raw, &buffers, func(fd int, b *buffer) (int, error) { return unix.Read(fd, b[:]) })
		switch {
		case b == nil:
			return nil, 0, err
		case err != nil:
			return b, 0, os.NewSyscallError("read", err)
		case n == 0:
			return b, 0, io.EOF
		}
		return b, n, nil
	}
}

// writer returns a writer to a connection, which counts: one that writes without waiting where the system can do that.
func writer(to net.Conn, c counting) io.Writer {
	if _, tcp := to.(*net.TCPConn); tcp {
		if raw := rawOf(to); raw != nil {
			return direct{c, raw}
		}
	}
	return c
}

// direct is a counting that also writes without waiting: see package streams.
type direct struct {
	counting

	raw syscall.RawConn
}

// TryWrite writes what can be written at once.
func (d direct) TryWrite(p []byte) (int, error) {
	n, err := pooled.TryWrite(d.raw, p)
	d.total.Add(int64(n))
	return n, os.NewSyscallError("write", err)
}
