package peeruid

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/peercred"
)

func of(conn net.Conn) (uid uint32, known bool, err error) {
	switch c := conn.(type) {
	case *net.UnixConn:
		uid, known, err := peercred.Of(c)
		return uid, known && isMapped(uid), err
	case *net.TCPConn:
		uid, known, err = ofTCP(c)
		if failed := release(c); failed != nil {
			return 0, false, failed
		}
		return uid, known, err
	}
	return 0, false, nil
}

func ofTCP(conn *net.TCPConn) (uid uint32, known bool, err error) {
	local, remote := addrPort(conn.LocalAddr()), addrPort(conn.RemoteAddr())
	if !local.IsValid() || !remote.IsValid() {
		return 0, false, nil
	}
	found, err := ask(request{protocol: unix.IPPROTO_TCP, from: remote, to: local})
	if err != nil {
		return 0, false, err
	}
	for _, s := range found {
		if s.local != remote || s.remote != local || !s.isConnected() || !s.isOwned() && !s.isNamedOrphan() {
			continue
		}
		// Only now: see the comment of the package.
		if alive, err := isAlive(conn); !alive || err != nil {
			return 0, false, err
		}
		return s.uid, true, nil
	}
	return 0, false, nil
}

// isAlive reports whether a connection can still receive from its peer, or has all that it sent.
func isAlive(conn *net.TCPConn) (bool, error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return false, err
	}
	var info *unix.TCPInfo
	control := raw.Control(func(fd uintptr) { info, err = unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO) })
	if err := errors.Join(control, os.NewSyscallError("getsockopt", err)); err != nil {
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
