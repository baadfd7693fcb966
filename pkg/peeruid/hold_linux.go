package peeruid

import (
	"errors"
	"net/netip"
	"os"
	"runtime"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// hold attaches a filter that drops segments with FIN: the byte of flags in the header of TCP, where a filter of a socket
// begins (socket(7), SO_ATTACH_FILTER). Connections that a listener accepts have its filter.
func hold(raw syscall.RawConn) error {
	const (
		flags = 13
		fin   = 1
		whole = 0xffffffff
	)
	program := []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_B | unix.BPF_ABS, K: flags},
		{Code: unix.BPF_JMP | unix.BPF_JSET | unix.BPF_K, K: fin, Jf: 1},
		{Code: unix.BPF_RET | unix.BPF_K, K: 0},
		{Code: unix.BPF_RET | unix.BPF_K, K: whole},
	}
	var failed error
	err := raw.Control(func(fd uintptr) {
		failed = unix.SetsockoptSockFprog(int(fd), unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]})
	})
	return errors.Join(err, os.NewSyscallError("setsockopt", failed))
}

// release removes the filter of Hold. The client sends its FIN again.
func release(raw controller) error {
	var failed error
	err := raw.Control(func(fd uintptr) {
		failed = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_DETACH_FILTER, 0)
	})
	if errors.Is(failed, unix.ENOENT) { // it has none
		failed = nil
	}
	return errors.Join(err, os.NewSyscallError("setsockopt", failed))
}

// namesOrphans reports whether the kernel says whose a closed socket was, as it does since Linux 6.17. It is tried with a
// socket of a user that is not 0, since the kernel says 0 otherwise.
var namesOrphans = sync.OnceValue(func() bool {
	answer := make(chan bool)
	go func() {
		runtime.LockOSThread() // it ends with this function
		const nobodyElse = 1
		uid := os.Geteuid()
		if uid == 0 {
			uid = nobodyElse
			_, _ = unix.SetfsuidRetUid(uid)
		}
		answer <- tryOrphan(uint32(uid))
	}()
	return <-answer
})

// isNamedOrphan reports whether the socket is closed, waits for the answer to its FIN, and has its user. Later it has none:
// FIN_WAIT2 may be what is left of a connection (inet_timewait_sock).
func (s socket) isNamedOrphan() bool {
	switch s.state {
	case unix.BPF_TCP_FIN_WAIT1, unix.BPF_TCP_CLOSING, unix.BPF_TCP_LAST_ACK:
		return isMapped(s.uid) && namesOrphans()
	}
	return false
}

// tryOrphan connects to a socket of its own, closes the connection, and asks whose it was.
func tryOrphan(uid uint32) bool {
	listener, err := listenHolding()
	if err != nil {
		return false
	}
	defer func() { _ = unix.Close(listener) }()
	client, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return false
	}
	to, err := unix.Getsockname(listener)
	if err == nil {
		err = unix.Connect(client, to)
	}
	from, nameless := unix.Getsockname(client)
	_ = unix.Close(client)
	if err != nil || nameless != nil {
		return false
	}
	found, err := ask(request{protocol: unix.IPPROTO_TCP, from: loopbackAt(from), to: loopbackAt(to)})
	return err == nil && len(found) == 1 && found[0].isConnected() && found[0].inode == 0 && found[0].uid == uid
}

// listenHolding makes a listener on a loopback address, with Hold.
func listenHolding() (fd int, err error) {
	fd, err = unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	err = unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}})
	if err == nil {
		err = hold(rawFD(fd))
	}
	if err == nil {
		err = unix.Listen(fd, 1)
	}
	if err != nil {
		_ = unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

// loopbackAt returns an address of version 4.
func loopbackAt(at unix.Sockaddr) netip.AddrPort {
	v4, ok := at.(*unix.SockaddrInet4)
	if !ok {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(netip.AddrFrom4(v4.Addr), uint16(v4.Port))
}

// rawFD is a descriptor that only Control is called for.
type rawFD int

func (fd rawFD) Control(f func(uintptr)) error         { f(uintptr(fd)); return nil }
func (fd rawFD) Read(func(uintptr) (done bool)) error  { return errors.ErrUnsupported }
func (fd rawFD) Write(func(uintptr) (done bool)) error { return errors.ErrUnsupported }
