package peeruid

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/peercred"
)

// controller gives its descriptor.
type controller interface {
	Control(f func(fd uintptr)) error
}

// rawOf returns the socket of a TCP connection, nil of others.
func rawOf(conn net.Conn) controller {
	switch c := conn.(type) {
	case controller:
		return c
	case *net.TCPConn:
		if raw, err := c.SyscallConn(); err == nil {
			return raw
		}
	}
	return nil
}

func (a *Asker) of(conn net.Conn) (uid uint32, known bool, err error) {
	if c, ok := conn.(*net.UnixConn); ok {
		uid, known, err := peercred.Of(c)
		return uid, known && isMapped(uid), err
	}
	raw := rawOf(conn)
	if raw == nil {
		return 0, false, nil
	}
	uid, known, err = a.ofTCP(conn, raw)
	if failed := release(raw); failed != nil {
		return 0, false, failed
	}
	return uid, known, err
}

func (a *Asker) ofTCP(conn net.Conn, raw controller) (uid uint32, known bool, err error) {
	local, remote := addrPort(conn.LocalAddr()), addrPort(conn.RemoteAddr())
	if !local.IsValid() || !remote.IsValid() {
		return 0, false, nil
	}
	found, err := a.ask(request{protocol: unix.IPPROTO_TCP, from: remote, to: local})
	if err != nil {
		return 0, false, err
	}
	for _, s := range found {
		if s.local != remote || s.remote != local || !s.isConnected() || !s.isOwned() && !s.isNamedOrphan() {
			continue
		}
		// Only now: see the comment of the package.
		if alive, err := isAlive(raw); !alive || err != nil {
			return 0, false, err
		}
		return s.uid, true, nil
	}
	return 0, false, nil
}

// mostKept is how many sockets an Asker keeps.
const mostKept = 4

// kept are the sockets of an Asker that are not used now.
type kept struct {
	mu     sync.Mutex
	idle   []*asker
	closed bool
}

// ask asks by a kept socket.
func (a *Asker) ask(r request) (found []socket, err error) {
	var one *asker
	a.kept.mu.Lock()
	if n := len(a.kept.idle); n > 0 {
		one, a.kept.idle = a.kept.idle[n-1], a.kept.idle[:n-1]
	}
	a.kept.mu.Unlock()
	if one == nil {
		if one, err = newAsker(); err != nil {
			return nil, err
		}
	}
	found, err = one.ask(r)
	a.kept.mu.Lock()
	defer a.kept.mu.Unlock()
	if err != nil || a.kept.closed || len(a.kept.idle) >= mostKept {
		one.close()
		return found, err
	}
	a.kept.idle = append(a.kept.idle, one)
	return found, nil
}

func (k *kept) close() {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, one := range k.idle {
		one.close()
	}
	k.idle, k.closed = nil, true
}

// isAlive reports whether a connection can still receive from its peer, or has all that it sent.
func isAlive(raw controller) (bool, error) {
	var info *unix.TCPInfo
	var failed error
	err := raw.Control(func(fd uintptr) { info, failed = unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO) })
	if err := errors.Join(err, os.NewSyscallError("getsockopt", failed)); err != nil {
		return false, err
	}
	return info.State == unix.BPF_TCP_ESTABLISHED || info.State == unix.BPF_TCP_CLOSE_WAIT, nil
}

func ofPacket(local, remote netip.AddrPort) (uid uint32, known bool, err error) {
	local, remote = unmap(local), unmap(remote)
	// A socket of version 6 can send packets of version 4, from an address that is mapped.
	families := []uint8{unix.AF_INET, unix.AF_INET6}
	if remote.Addr().Is6() {
		families = families[1:]
	}
	var uids []uint32
	for _, family := range families {
		found, err := ask(request{protocol: unix.IPPROTO_UDP, family: family, from: remote, to: local, all: true})
		if err != nil {
			return 0, false, err
		}
		for _, s := range found {
			if s.local.Port() != remote.Port() || s.local.Addr() != remote.Addr() && !s.local.Addr().IsUnspecified() {
				continue
			}
			if !s.isOwned() {
				return 0, false, nil
			}
			uids = append(uids, s.uid)
		}
	}
	if len(slices.Compact(uids)) != 1 {
		return 0, false, nil
	}
	return uids[0], true, nil
}

func addrPort(a net.Addr) netip.AddrPort {
	tcp, ok := a.(*net.TCPAddr)
	if !ok {
		return netip.AddrPort{}
	}
	return unmap(tcp.AddrPort())
}

func unmap(a netip.AddrPort) netip.AddrPort { return netip.AddrPortFrom(a.Addr().Unmap(), a.Port()) }

// isMapped reports whether a number that the kernel reports is a user's own: not the one that stands for all users who
// are not mapped into the caller's user namespace.
func isMapped(uid uint32) bool {
	const overflow = 65534 // the kernel's default; another one can only be set by root
	if uid != overflow {
		return true
	}
	content, err := os.ReadFile("/proc/self/uid_map")
	return err == nil && slices.Equal(strings.Fields(string(content)), []string{"0", "0", "4294967295"})
}

func inodes(port uint16) (map[uint64]bool, error) {
	found := make(map[uint64]bool)
	for _, protocol := range []uint8{unix.IPPROTO_TCP, unix.IPPROTO_UDP} {
		for _, family := range []uint8{unix.AF_INET, unix.AF_INET6} {
			list, err := ask(request{protocol: protocol, family: family, from: netip.AddrPortFrom(netip.Addr{}, port), all: true})
			if err != nil {
				return nil, err
			}
			for _, s := range list {
				if s.inode != 0 && s.local.Port() == port {
					found[uint64(s.inode)] = true
				}
			}
		}
	}
	return found, nil
}
