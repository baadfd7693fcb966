//go:build unix

package pump

import (
	"io"
	"net"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// reader returns a function that reads from a connection. It borrows a buffer when there is something to read: thousands
// of idle connections need none. It returns the buffer, which is nil if nothing was read, and the number of bytes in it.
func reader(from net.Conn) func() (*[]byte, int, error) {
	var raw syscall.RawConn
	var err error
	switch c := from.(type) {
	case *net.TCPConn:
		raw, err = c.SyscallConn()
	case *net.UnixConn:
		raw, err = c.SyscallConn()
	default:
		return plainReader(from)
	}
	if err != nil {
		return plainReader(from)
	}
	return func() (buffer *[]byte, n int, err error) {
		waited := raw.Read(func(fd uintptr) bool {
			buffer = buffers.Get().(*[]byte)
			for {
				if n, err = unix.Read(int(fd), *buffer); err != unix.EINTR {
					break
				}
			}
			if err == unix.EAGAIN {
				buffers.Put(buffer)
				buffer, n = nil, 0
			}
			return err != unix.EAGAIN
		})
		switch {
		case waited != nil:
			return buffer, 0, waited
		case err != nil:
			return buffer, 0, os.NewSyscallError("read", err)
		case n == 0:
			return buffer, 0, io.EOF
		}
		return buffer, n, nil
	}
}
