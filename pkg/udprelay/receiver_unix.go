//go:build unix

package udprelay

import (
	"net"
	"os"

	"golang.org/x/sys/unix"
)

// receiver returns a function that waits for packets and passes them on. It borrows a buffer when there is one: thousands
// of idle peers need none.
func receiver(conn net.Conn) func(pass func([]byte)) error {
	udp, ok := conn.(*net.UDPConn)
	if !ok {
		return plainReceiver(conn)
	}
	raw, err := udp.SyscallConn()
	if err != nil {
		return plainReceiver(conn)
	}
	return func(pass func([]byte)) error {
		var failed error
		waited := raw.Read(func(fd uintptr) bool {
			buffer := buffers.Get().(*[]byte)
			defer buffers.Put(buffer)
			const most = 64 // then others go on
			for i := range most {
				n, err := unix.Read(int(fd), *buffer)
				switch err {
				case nil:
					pass((*buffer)[:n])
				case unix.EINTR:
				case unix.EAGAIN:
					return i > 0
				default:
					failed = os.NewSyscallError("read", err)
					return true
				}
			}
			return true
		})
		if waited != nil {
			return waited
		}
		return failed
	}
}
