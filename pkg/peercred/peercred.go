// Package peercred finds the user at the other end of a UNIX socket.
package peercred

import "net"

// Of returns the effective uid of the process that connected a UNIX socket or, on the side that connected, of the one that
// listens: unix(7), SO_PEERCRED. known is false if the system cannot tell, or if conn is no UNIX socket.
func Of(conn net.Conn) (uid uint32, known bool, err error) {
	unixConn, ok := conn.(*net.UnixConn)
	if !ok {
		return 0, false, nil
	}
	raw, err := unixConn.SyscallConn()
	if err != nil {
		return 0, false, err
	}
	var failed error
	err = raw.Control(func(fd uintptr) { uid, known, failed = of(int(fd)) })
	if err != nil {
		return 0, false, err
	}
	return uid, known, failed
}
