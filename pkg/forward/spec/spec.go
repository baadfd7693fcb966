// Package spec parses what a user types for docker nsjoin forward and connect: which ports and UNIX sockets are
// forwarded to which. It does no I/O.
package spec

import (
	"net/netip"
	"strconv"
	"strings"
)

// Network is the kind of a socket, as package net names it.
type Network string

// The kinds.
const (
	TCP  Network = "tcp"
	UDP  Network = "udp"
	Unix Network = "unix"
)

// Listen is where connections are accepted.
type Listen struct {
	Network Network
	// Address is that of tcp and udp as it was typed, one of Addresses; "" for the default.
	Address string
	Port    uint16 // 0 for a free one
	Path    string // of unix; an abstract name begins with @
}

// Target is where connections lead.
type Target struct {
	Network Network
	// Host is a name or an IP address without brackets; "" for the side itself: the container, or with Reverse this
	// machine.
	Host string
	Port uint16
	Path string // of unix; an abstract name begins with @
}

// Forward is one SPEC.
type Forward struct {
	// Listen is on this machine, with Reverse in the container. The target is on the other side.
	Listen  Listen
	Target  Target
	Reverse bool
	// Proxy is a SOCKS5 proxy: each client names the target.
	Proxy bool
}

// String returns the target as it is printed, with name for the side itself.
func (t Target) String(name string) string {
	if t.Network == Unix {
		return name + ":" + t.Path
	}
	port := strconv.Itoa(int(t.Port))
	if t.Network == UDP {
		port += "/udp"
	}
	if t.Host == "" {
		return name + ":" + port
	}
	return name + ":" + bracketed(t.Host) + ":" + port
}

// Dial returns the target as connect takes it.
func (t Target) Dial() string {
	if t.Network == Unix {
		return t.Path
	}
	if t.Host == "" {
		return strconv.Itoa(int(t.Port))
	}
	return bracketed(t.Host) + ":" + strconv.Itoa(int(t.Port))
}

// bracketed returns a host as it stands before a port.
func bracketed(host string) string {
	if strings.Contains(host, ":") {
		return "[" + host + "]"
	}
	return host
}

// Everywhere is the address that stands for all addresses of both families, as for ssh.
const Everywhere = "*"

// Addresses returns the IP addresses of a typed one: localhost and "" are both loopback addresses, * all addresses of
// both families.
func Addresses(typed string) ([]netip.Addr, error) {
	switch strings.ToLower(typed) {
	case "", "localhost":
		return []netip.Addr{netip.AddrFrom4([4]byte{127, 0, 0, 1}), netip.IPv6Loopback()}, nil
	case Everywhere:
		return []netip.Addr{netip.IPv4Unspecified(), netip.IPv6Unspecified()}, nil
	}
	addr, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(typed, "["), "]"))
	if err != nil {
		return nil, &Error{typed, "not an IP address to listen on", "127.0.0.1, 0.0.0.0, ::1, localhost, * (all addresses)"}
	}
	return []netip.Addr{addr.Unmap()}, nil
}
