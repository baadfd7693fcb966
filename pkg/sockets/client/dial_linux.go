package client

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/rawconn"
	"github.com/nsjoin/docker-nsjoin/pkg/sockets/message"
	"github.com/nsjoin/docker-nsjoin/pkg/sockets/passing"
)

// kind is what sockets are made for.
type kind struct{ family, typ int }

// pool has sockets of the container's network that nothing was done with.
type pool struct {
	free   []int
	asking *asking // nil if none are asked for
}

// asking is a question for sockets.
type asking struct {
	done chan struct{}
	err  error // set before done is closed
}

// poolSize is how many sockets are asked for at once. Once half of them or fewer are left, more are asked for.
const poolSize = 64

// stock returns poolSize, or less if this process may not have many open files.
func stock() int {
	const least, share = 2, 128
	var limit unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &limit) != nil || limit.Cur/share >= poolSize {
		return poolSize
	}
	return max(least, int(limit.Cur/share))
}

// take takes a socket of the pool. It waits for the helper only if there is none.
func (l *Local) take(ctx context.Context, k kind) (int, error) {
	for {
		fd, asked := l.tryTake(k)
		if asked == nil {
			return fd, nil
		}
		select {
		case <-asked.done:
			if asked.err != nil {
				return -1, asked.err
			}
		case <-ctx.Done():
			return -1, ctx.Err()
		}
	}
}

// tryTake takes a socket of the pool, or returns the question for more.
func (l *Local) tryTake(k kind) (int, *asking) {
	l.mu.Lock()
	defer l.mu.Unlock()
	p := l.pools[k]
	if p == nil {
		p = &pool{}
		l.pools[k] = p
	}
	n := len(p.free)
	if p.asking == nil && (n <= l.stock/2 && !l.ended || n == 0) {
		p.asking = &asking{done: make(chan struct{})}
		go l.fill(p, k, p.asking)
	}
	if n == 0 {
		return -1, p.asking
	}
	fd := p.free[n-1]
	p.free = p.free[:n-1]
	return fd, nil
}

// fill asks the helper for sockets.
func (l *Local) fill(p *pool, k kind, a *asking) {
	r, err := l.ask(context.Background(), message.Question{Do: message.Make, Family: k.family, Type: k.typ, Count: l.stock})
	if err == nil && len(r.fds) == 0 {
		err = errors.New("the helper's answer has no socket")
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if err == nil && l.ended {
		passing.CloseAll(r.fds)
		r.fds, err = nil, errGone(unix.ECONNRESET)
	}
	p.free = append(p.free, r.fds...)
	p.asking = nil
	a.err = err
	close(a.done)
}

// Dial connects to address in the container.
func (l *Local) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	if network == "unix" {
		return l.dialUnix(ctx, address)
	}
	fd, err := l.dialFD(ctx, network, address)
	if err != nil {
		return nil, err
	}
	if network == "tcp" {
		return rawconn.New(fd, nil, nil), nil
	}
	f := os.NewFile(uintptr(fd), network)
	defer f.Close()
	return net.FileConn(f)
}

// dialFD is Dial for tcp and udp. It returns a descriptor that is non-blocking and close-on-exec.
func (l *Local) dialFD(ctx context.Context, network, address string) (fd int, err error) {
	at, k, err := parse(network, address)
	if err != nil {
		return -1, err
	}
	fd, err = l.take(ctx, k)
	if err != nil {
		return -1, err
	}
	if k.typ == unix.SOCK_STREAM {
		_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
		if isLoopback(at) {
			rawconn.Near(fd) // and no keep-alive: the other end does not get lost
		} else {
			_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1)
		}
	}
	if err := connect(ctx, fd, at); err != nil {
		unix.Close(fd)
		return -1, fmt.Errorf("connect to %s: %w", address, err)
	}
	return fd, nil
}

// parse parses a network and a literal address.
func parse(network, address string) (unix.Sockaddr, kind, error) {
	k := kind{family: unix.AF_INET, typ: unix.SOCK_STREAM}
	switch network {
	case "tcp":
	case "udp":
		k.typ = unix.SOCK_DGRAM
	default:
		return nil, k, net.UnknownNetworkError(network)
	}
	to, err := netip.ParseAddrPort(address)
	if err != nil {
		return nil, k, fmt.Errorf("address %q: %w", address, err)
	}
	ip := to.Addr().Unmap()
	if ip.Is4() {
		return &unix.SockaddrInet4{Port: int(to.Port()), Addr: ip.As4()}, k, nil
	}
	k.family = unix.AF_INET6
	at := &unix.SockaddrInet6{Port: int(to.Port()), Addr: ip.As16()}
	if zone := ip.Zone(); zone != "" {
		index, err := strconv.ParseUint(zone, 10, 32)
		if err != nil {
			return nil, k, fmt.Errorf("address %q: the zone must be the number of an interface in the container", address)
		}
		at.ZoneId = uint32(index)
	}
	return at, k, nil
}

func isLoopback(at unix.Sockaddr) bool {
	switch a := at.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrFrom4(a.Addr).IsLoopback()
	case *unix.SockaddrInet6:
		return netip.AddrFrom16(a.Addr).IsLoopback()
	}
	return false
}

// connect connects a socket. A connection inside this machine is there at once.
func connect(ctx context.Context, fd int, to unix.Sockaddr) error {
	err := unix.Connect(fd, to)
	if !errors.Is(err, unix.EINPROGRESS) && !errors.Is(err, unix.EINTR) {
		return err
	}
	poll := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLOUT}}
	switch n, _ := unix.Poll(poll, 0); {
	case n <= 0: // not yet; EINTR says the same
		if err := writable(ctx, fd); err != nil {
			return err
		}
	case n == 1 && poll[0].Revents == unix.POLLOUT: // no error
		return nil
	}
	number, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ERROR)
	if err == nil && number != 0 {
		err = syscall.Errno(number)
	}
	return err
}

// writable waits, without a thread, until a socket is writable or has failed.
func writable(ctx context.Context, fd int) error {
	again, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return err
	}
	f := os.NewFile(uintptr(again), "socket") // in the runtime's poller, which fd must not stay in
	defer f.Close()
	raw, err := f.SyscallConn()
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { _ = f.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	err = raw.Write(func(uintptr) bool {
		n, _ := unix.Poll([]unix.PollFd{{Fd: int32(again), Events: unix.POLLOUT}}, 0)
		return n > 0
	})
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// Listen listens in the container.
func (l *Local) Listen(ctx context.Context, network, address string) (net.Listener, error) {
	if network == "unix" {
		return l.listenUnix(ctx, address)
	}
	at, k, err := parse(network, address)
	if err == nil && network != "tcp" {
		err = net.UnknownNetworkError(network)
	}
	if err != nil {
		return nil, err
	}
	fd, err := l.take(ctx, k)
	if err != nil {
		return nil, err
	}
	f := os.NewFile(uintptr(fd), network)
	defer f.Close()
	const backlog = 4096 // the kernel lowers it to the container's net.core.somaxconn
	if isLoopback(at) {
		rawconn.Near(fd)
	}
	err = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1)
	if err == nil && k.family == unix.AF_INET6 {
		err = unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, 1)
	}
	if err == nil {
		err = unix.Bind(fd, at)
	}
	if err == nil {
		err = unix.Listen(fd, backlog)
	}
	if err != nil {
		return nil, fmt.Errorf("listen on %s in the container: %w", address, err)
	}
	return net.FileListener(f)
}
