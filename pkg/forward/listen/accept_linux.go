package listen

import (
	"errors"
	"net"
	"os"
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/rawconn"
	"github.com/nsjoin/docker-nsjoin/pkg/sockets/passing"
)

// tcpListener accepts connections that are not in the runtime's poller.
type tcpListener struct {
	file  *os.File
	raw   syscall.RawConn
	addr  net.Addr
	local net.Addr // of each connection; nil if it is not known before
	// near says that its clients are on this machine.
	near bool
	// multipath says that connections may be of Multipath TCP, which do not have the options of the listener.
	multipath bool
	closed    atomic.Bool
	suspended atomic.Bool
}

// keepAlive are the times of package net, in seconds.
const keepAlive, keepAliveProbes = 15, 9

// direct replaces a listener of TCP, if it can. The connections of others are those of package net.
func direct(l net.Listener) net.Listener {
	tcp, ok := l.(*net.TCPListener)
	if !ok {
		return l
	}
	file, err := tcp.File() // non-blocking, as the original is
	if err != nil {
		return l
	}
	raw, err := file.SyscallConn()
	if err != nil {
		_ = file.Close()
		return l
	}
	d := &tcpListener{file: file, raw: raw, addr: tcp.Addr()}
	if at, ok := d.addr.(*net.TCPAddr); ok && !at.IP.IsUnspecified() {
		d.local, d.near = at, at.IP.IsLoopback()
	}
	_ = raw.Control(func(fd uintptr) {
		protocol, err := unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_PROTOCOL)
		d.multipath = err != nil || protocol != unix.IPPROTO_TCP
		d.setOptions(int(fd))
	})
	_ = tcp.Close()
	return d
}

// setOptions sets those that package net sets, among others. Connections have those of their listener.
func (l *tcpListener) setOptions(fd int) {
	if l.near {
		rawconn.Near(fd)
	}
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, keepAlive)
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_KEEPINTVL, keepAlive)
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_KEEPCNT, keepAliveProbes)
	_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1)
}

func (l *tcpListener) Accept() (net.Conn, error) {
	var fd int
	var from syscall.Sockaddr
	var failed error
	err := l.raw.Read(func(listener uintptr) bool {
		fd, from, failed = passing.Accept(int(listener), unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
		return !errors.Is(failed, unix.EAGAIN)
	})
	switch {
	case l.closed.Load() || l.suspended.Load():
		if err == nil && failed == nil {
			_ = unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
			_ = unix.Close(fd)
		}
		return nil, net.ErrClosed
	case err != nil:
		return nil, err
	case failed != nil:
		return nil, os.NewSyscallError("accept4", failed)
	}
	if l.multipath {
		l.setOptions(fd)
	}
	return rawconn.New(fd, l.local, rawconn.Addr(from)), nil
}

func (l *tcpListener) Close() error {
	l.closed.Store(true)
	return l.file.Close()
}

func (l *tcpListener) Addr() net.Addr { return l.addr }
