// Package sockets has what a client learns about sockets in a running container. It does no I/O.
package sockets

import (
	"net/netip"

	"github.com/nsjoin/docker-nsjoin/pkg/sockets/message"
)

// Names are the files from which a container's names are resolved.
type Names = message.Names

// Max is the most sockets of a list of Listening. A container can have more.
const Max = message.MaxListening

// Listening is a socket of the container's network on which a program waits for connections or, with UDP, packets.
type Listening struct {
	Network string         `json:"network"`         // tcp, udp or unix
	Address netip.AddrPort `json:"address"`         // of tcp and udp
	Path    string         `json:"path,omitempty"`  // of unix; an abstract name begins with @
	Inode   uint64         `json:"inode,omitempty"` // of the socket, unique on its machine
	PID     int            `json:"pid,omitempty"`   // in the helper's pid namespace; 0 if unknown
	Program string         `json:"program,omitempty"`
}
