// Package rawconn has TCP sockets that are not in the poller of the Go runtime. Package net makes about fifteen system calls for
// each connection, which are in vain if nothing is done with it but to hand its descriptor on.
package rawconn

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Conn is a socket of TCP. The first method that may have to wait makes a connection of package net of it.
type Conn struct {
	mu            sync.Mutex
	fd            int // -1 once it was closed, released, or replaced by polled
	polled        net.Conn
	failed        error    // why there is no polled, once one was asked for
	local, remote net.Addr // nil before somebody asks
}

// Near prepares a socket of TCP whose peer is on this machine, or a listener of such: nothing is lost on the way, and BBR, where
// it is the machine's congestion control, would only slow its writer down by timers.
func Near(fd int) { _ = unix.SetsockoptString(fd, unix.IPPROTO_TCP, unix.TCP_CONGESTION, "reno") }

// New returns a connection with a descriptor, which is non-blocking and close-on-exec, and belongs to the connection from now
// on. An address that is nil is read from the socket when somebody asks for it.
func New(fd int, local, remote net.Addr) *Conn { return &Conn{fd: fd, local: local, remote: remote} }

// Descriptor returns the socket, or false if the connection is closed or one of package net. The socket still belongs to the
// connection.
func (c *Conn) Descriptor() (fd int, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.fd, c.fd >= 0
}

// Release makes the socket of Descriptor the caller's. The connection is closed from then on.
func (c *Conn) Release() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.fd = -1
}

// Polled returns the connection as one of package net, which it is from now on. If that fails, its peer is reset, and
// later calls return the same error.
func (c *Conn) Polled() (net.Conn, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.polled != nil {
		return c.polled, nil
	}
	if c.fd < 0 {
		return nil, c.gone()
	}
	fd := c.fd
	c.fd = -1
	f := os.NewFile(uintptr(fd), "tcp")
	defer f.Close()
	c.polled, c.failed = net.FileConn(f)
	if c.failed != nil {
		_ = unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
	}
	return c.polled, c.failed
}

// gone returns why there is neither a descriptor nor a connection of package net.
func (c *Conn) gone() error {
	if c.failed != nil {
		return c.failed
	}
	return net.ErrClosed
}

// Read is that of net.Conn.
func (c *Conn) Read(b []byte) (n int, err error) {
	p, err := c.Polled()
	if err != nil {
		return 0, err
	}
	return p.Read(b)
}

// Write is that of net.Conn.
func (c *Conn) Write(b []byte) (n int, err error) {
	p, err := c.Polled()
	if err != nil {
		return 0, err
	}
	return p.Write(b)
}

// SetDeadline is that of net.Conn.
func (c *Conn) SetDeadline(t time.Time) error {
	p, err := c.Polled()
	if err != nil {
		return err
	}
	return p.SetDeadline(t)
}

// SetReadDeadline is that of net.Conn.
func (c *Conn) SetReadDeadline(t time.Time) error {
	p, err := c.Polled()
	if err != nil {
		return err
	}
	return p.SetReadDeadline(t)
}

// SetWriteDeadline is that of net.Conn.
func (c *Conn) SetWriteDeadline(t time.Time) error {
	p, err := c.Polled()
	if err != nil {
		return err
	}
	return p.SetWriteDeadline(t)
}

// Close closes the connection. What waits in Read or Write ends.
func (c *Conn) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.polled != nil {
		return c.polled.Close()
	}
	if c.fd < 0 {
		return c.gone()
	}
	err := unix.Close(c.fd)
	c.fd = -1
	return os.NewSyscallError("close", err)
}

// CloseWrite ends what is sent, as that of net.TCPConn does.
func (c *Conn) CloseWrite() error {
	return c.control("shutdown", func(fd int) error { return unix.Shutdown(fd, unix.SHUT_WR) })
}

// SetLinger is that of net.TCPConn.
func (c *Conn) SetLinger(sec int) error {
	return c.control("setsockopt", func(fd int) error {
		linger := &unix.Linger{Linger: int32(max(sec, 0))}
		if sec >= 0 {
			linger.Onoff = 1
		}
		return unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, linger)
	})
}

// LocalAddr returns the address of this end, RemoteAddr that of the other one.
func (c *Conn) LocalAddr() net.Addr { return c.address(&c.local, syscall.Getsockname) }

// RemoteAddr is described at LocalAddr.
func (c *Conn) RemoteAddr() net.Addr { return c.address(&c.remote, syscall.Getpeername) }

func (c *Conn) address(known *net.Addr, ask func(int) (syscall.Sockaddr, error)) net.Addr {
	c.mu.Lock()
	at := *known
	c.mu.Unlock()
	if at != nil {
		return at
	}
	at = &net.TCPAddr{}
	_ = c.control("getsockname", func(fd int) error {
		s, err := ask(fd)
		if err == nil {
			at = Addr(s)
		}
		return err
	})
	c.mu.Lock()
	*known = at
	c.mu.Unlock()
	return at
}

// Addr returns an address of the kernel's as package net has it.
func Addr(s syscall.Sockaddr) *net.TCPAddr {
	switch a := s.(type) {
	case *syscall.SockaddrInet4:
		return &net.TCPAddr{IP: a.Addr[:], Port: a.Port}
	case *syscall.SockaddrInet6:
		zone := ""
		if a.ZoneId != 0 {
			if known, err := net.InterfaceByIndex(int(a.ZoneId)); err == nil {
				zone = known.Name
			}
		}
		return net.TCPAddrFromAddrPort(netip.AddrPortFrom(netip.AddrFrom16(a.Addr).WithZone(zone), uint16(a.Port)))
	}
	return &net.TCPAddr{}
}

// control calls f with the socket, which stays open meanwhile.
func (c *Conn) control(call string, f func(fd int) error) error {
	var failed error
	err := c.Control(func(fd uintptr) { failed = os.NewSyscallError(call, f(int(fd))) })
	return errors.Join(err, failed)
}

// Control is that of syscall.RawConn.
func (c *Conn) Control(f func(fd uintptr)) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if raw, ok := c.polled.(syscall.Conn); ok {
		polled, err := raw.SyscallConn()
		if err != nil {
			return err
		}
		return polled.Control(f)
	}
	if c.fd < 0 {
		return c.gone()
	}
	f(uintptr(c.fd))
	return nil
}
