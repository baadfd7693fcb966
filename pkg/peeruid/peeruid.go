// Package peeruid finds out which user of this machine is at the other end of a connection. On Linux the kernel says so,
// by sock_diag(7) and unix(7). On other systems it is unknown.
//
// A user is known only if the kernel names the one that the socket at the other end belongs to, now. These are cases in
// which somebody else could be named, and what prevents that:
//
//   - The other end is closed. The kernel reports user 0 for a socket without a process (TIME_WAIT, FIN_WAIT2, or, before
//     Linux 6.17, each closed one). User 0 counts only if the socket has an inode, or if the kernel has named the user of
//     a closed socket of another user before.
//   - A listening socket has the same port. Its state is LISTEN; only states of connections count, and both addresses
//     must be equal.
//   - The client has sent something, reset the connection, and another user's connection got its port before the listener
//     accepted the first one. Two connections with the same addresses cannot exist at the same time. So if the kernel found
//     the second one, the accepted socket has left its state ESTABLISHED or CLOSE_WAIT before; that is checked afterwards.
//     A connection that waits for its answer (SYN_SENT) exists beside the old one, so that state does not count.
//   - The client is in another network namespace, or on another machine. No socket of this network namespace has its
//     address, unless somebody with CAP_NET_ADMIN here makes one (IP_TRANSPARENT, IP_FREEBIND).
//   - The caller is in a user namespace. The kernel reports the overflow user for all that are not mapped there; that user
//     counts only where all users are mapped.
//   - A client gave its socket to another process. It belongs to the user that made it, who could as well pass the bytes on.
//   - UDP has no connections, and several users can share a port (SO_REUSEADDR). All sockets of this network namespace that
//     could have sent from that address must belong to one user. A user with CAP_NET_RAW can send from any address.
package peeruid

import (
	"net"
	"net/netip"
	"syscall"
)

// Of returns the user at the other end of a TCP connection that a listener of this process accepted, or of a UNIX socket.
// known is false if the kernel does not know it, as for clients that have closed the connection already. An error says
// that the kernel could not be asked.
func Of(conn net.Conn) (uid uint32, known bool, err error) {
	var a Asker
	defer a.Close()
	return a.Of(conn)
}

// Asker is for a process that has many connections: it keeps up to four sockets by which it asks the kernel. The zero
// value may be used, and by any number of goroutines.
type Asker struct{ kept kept }

// Of is the function Of.
func (a *Asker) Of(conn net.Conn) (uid uint32, known bool, err error) { return a.of(conn) }

// Close closes the sockets. Calls of Of may be under way.
func (a *Asker) Close() { a.kept.close() }

// Hold makes a listener of TCP ignore that clients close their connections, until Of has returned: a client that sends
// something and closes its connection at once is known then, on Linux 6.17 or newer. Its end arrives some milliseconds
// later. Call Of for each connection that the listener accepts; without it the end never arrives. Call Hold before
// listen(2), and not for Multipath TCP.
func Hold(raw syscall.RawConn) error { return hold(raw) }

// OfPacket returns the user that sends UDP packets from remote to local, which this process has received just now.
func OfPacket(local, remote netip.AddrPort) (uid uint32, known bool, err error) {
	return ofPacket(local, remote)
}

// Inodes returns the sockets of TCP and UDP of this process's network at a port, by their inodes. It returns nil on other
// systems than Linux, and an error if the kernel does not answer.
func Inodes(port uint16) (map[uint64]bool, error) { return inodes(port) }
