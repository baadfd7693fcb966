package listen

import (
	"net"

	"golang.org/x/sys/unix"
)

// hasSent reports whether a client has sent something that was not read yet.
func hasSent(conn net.Conn) bool {
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		return false
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return false
	}
	unread := uint32(0)
	_ = raw.Control(func(fd uintptr) { unread, err = unix.IoctlGetUint32(int(fd), unix.TIOCINQ) })
	return err == nil && unread > 0
}
