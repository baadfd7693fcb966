// Package unixconn keeps descriptors away that the other end of a UNIX socket passes: another user's, or a container's.
package unixconn

import (
	"net"
	"syscall"
)

// Control has the kernel refuse descriptors, before a socket listens or is connected; a net.Dialer and a net.ListenConfig have a
// function of this type. Before Linux 6.16 it does nothing.
func Control(_, _ string, raw syscall.RawConn) error { return raw.Control(refuse) }

// Guard returns a connection that closes the descriptors that come along with data: conn itself if the kernel refuses them, or
// if it is no UNIX socket. The other one is no *net.UnixConn. Use conn no more.
func Guard(conn net.Conn) net.Conn {
	c, ok := conn.(*net.UnixConn)
	if !ok || !mayCome(c) {
		return conn
	}
	guarded, err := New(c, nil)
	if err != nil {
		return conn // it is closed
	}
	return guarded
}

// Drain ends what is a UNIX socket and removes what was not read or accepted, if there may be descriptors among it. Close it
// after that.
func Drain(socket syscall.Conn) {
	if mayCome(socket) {
		drain(socket)
	}
}
