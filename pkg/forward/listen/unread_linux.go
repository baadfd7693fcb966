package listen

import (
	"net"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/rawconn"
)

// hasSent reports whether a client has sent something that was not read yet.
func hasSent(conn net.Conn) bool {
	tcp, ok := conn.(*rawconn.Conn)
	if !ok {
		return false
	}
	unread, err := uint32(0), error(nil)
	_ = tcp.Control(func(fd uintptr) { unread, err = unix.IoctlGetUint32(int(fd), unix.TIOCINQ) })
	return err == nil && unread > 0
}
