// Package message has what a client and a helper say to each other about sockets in a running container. It does no I/O. It
// imports neither package net nor net/netip, which would make the helper 60 KB larger or more.
package message

// Names are the files from which a container's names are resolved, made from what the engine says of it. Files that
// the container's root can write are not read.
type Names struct {
	Resolv []byte `json:"resolv"` // resolv.conf(5)
	Hosts  []byte `json:"hosts"`  // hosts(5)
}

// MaxListening is the most sockets of a list. A container can have more.
const MaxListening = 1 << 10

// Waiting is a Listening of package sockets, as the helper writes it.
type Waiting struct {
	Network string `json:"network"`
	Address string `json:"address"` // IP:PORT or [IP]:PORT; "" of unix
	Path    string `json:"path,omitempty"`
	Inode   uint64 `json:"inode,omitempty"`
	PID     int    `json:"pid,omitempty"`
	Program string `json:"program,omitempty"`
}

// Writer is whom a message on a UNIX socket in a container names as its sender, if the receiver asks the kernel: the
// container's first process and the user of the connection, not the process that writes. PID, UID and GID are in the
// helper's namespaces.
type Writer struct {
	PID int `json:"pid"`
	UID int `json:"uid"`
	GID int `json:"gid"`
}
