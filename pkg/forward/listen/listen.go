// Package listen accepts connections on this machine: on several addresses with one port, or on a UNIX socket, from
// the users who may connect.
package listen

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"syscall"

	"github.com/nsjoin/docker-nsjoin/pkg/exit"
	"github.com/nsjoin/docker-nsjoin/pkg/forward/spec"
	"github.com/nsjoin/docker-nsjoin/pkg/peeruid"
	"github.com/nsjoin/docker-nsjoin/pkg/sockets/unixconn"
)

// Set are the sockets of one forward.
type Set struct {
	Listeners []net.Listener   // of tcp and unix
	Packets   []net.PacketConn // of udp
	// Open is set if the sockets are not only on loopback addresses.
	Open bool
	// Port is the port of tcp and udp.
	Port uint16
}

// Function listens on one address: network is tcp4, tcp6 or unix.
type Function func(ctx context.Context, network, address string) (net.Listener, error)

// On listens as l says. If l has no address, addresses are used, and without these both loopback addresses. If a family
// does not exist here, the address of the other one is enough, unless a single address was asked for. A UNIX socket is
// made for this user alone, or with anyUser for everybody.
func On(ctx context.Context, l spec.Listen, addresses []string, anyUser bool) (*Set, error) {
	if l.Network == spec.Unix {
		mode := fs.FileMode(ownMode)
		if anyUser {
			mode = anyMode
		}
		listener, err := listenUnix(ctx, l.Path, mode)
		if err != nil {
			return nil, fmt.Errorf("listen on %s: %w", l.Path, cause(err))
		}
		return &Set{Listeners: []net.Listener{listener}}, nil
	}
	var config net.ListenConfig
	if !anyUser {
		config.SetMultipathTCP(false) // which takes no filter
		config.Control = holding
	}
	return With(ctx, l, addresses, listenTCP(config))
}

// holding lets Users.Check know clients that end early. It asks for those of loopback addresses only.
func holding(_, address string, raw syscall.RawConn) error {
	if at, err := netip.ParseAddrPort(address); err == nil && at.Addr().IsLoopback() {
		_ = peeruid.Hold(raw) // without, such clients are refused
	}
	return nil
}

// With is On with another function that listens for tcp and unix.
func With(ctx context.Context, l spec.Listen, addresses []string, listen Function) (*Set, error) {
	if l.Network == spec.Unix {
		listener, err := listen(ctx, unixNetwork, l.Path)
		if err != nil {
			return nil, fmt.Errorf("listen on %s: %w", l.Path, cause(err))
		}
		return &Set{Listeners: []net.Listener{listener}}, nil
	}
	wanted, err := Expand(l.Address, addresses)
	if err != nil {
		return nil, err
	}
	const attempts = 16
	for range attempts {
		var s *Set
		if s, err = onAddresses(ctx, l, wanted, listen); err == nil {
			return s, nil
		}
		if l.Port != 0 || !IsInUse(err) {
			break
		}
	}
	return nil, err
}

// Expand returns the addresses to listen on, each once: the typed one or, without it, the others.
func Expand(typed string, others []string) ([]netip.Addr, error) {
	if typed != "" || len(others) == 0 {
		others = []string{typed}
	}
	var list []netip.Addr
	known := make(map[netip.Addr]bool)
	for _, text := range others {
		addrs, err := spec.Addresses(text)
		if err != nil {
			return nil, err
		}
		for _, addr := range addrs {
			if !known[addr] {
				known[addr], list = true, append(list, addr)
			}
		}
	}
	return list, nil
}

// onAddresses listens on all addresses with one port: that of l, or the one that the first address gets.
func onAddresses(ctx context.Context, l spec.Listen, addrs []netip.Addr, listen Function) (*Set, error) {
	s := &Set{Port: l.Port}
	var absent error
	for _, addr := range addrs {
		at := netip.AddrPortFrom(addr, s.Port)
		err := s.add(ctx, l.Network, at, listen)
		switch {
		case err == nil:
			s.Open = s.Open || !addr.IsLoopback()
			continue
		case isAbsent(err) && len(addrs) > 1:
			absent = err
			continue
		}
		s.Close()
		return nil, fmt.Errorf("listen on %s: %w", at, cause(err))
	}
	if len(s.Listeners)+len(s.Packets) == 0 {
		return nil, fmt.Errorf("listen on port %d: %w", l.Port, cause(absent))
	}
	return s, nil
}

// add listens on one address.
func (s *Set) add(ctx context.Context, network spec.Network, at netip.AddrPort, listen Function) error {
	family := "4"
	if at.Addr().Is6() {
		family = "6" // it does not accept connections of IPv4, then
	}
	if network == spec.UDP {
		var config net.ListenConfig
		conn, err := config.ListenPacket(ctx, string(network)+family, at.String())
		if err == nil {
			s.Packets = append(s.Packets, conn)
			s.Port = portOf(conn.LocalAddr())
		}
		return err
	}
	l, err := listen(ctx, string(network)+family, at.String())
	if err == nil {
		s.Listeners = append(s.Listeners, direct(l))
		s.Port = portOf(l.Addr())
	}
	return err
}

func portOf(addr net.Addr) uint16 {
	at, err := netip.ParseAddrPort(addr.String())
	if err != nil {
		return 0
	}
	return at.Port()
}

// isAbsent reports whether listening failed because there is no such address, or not its family.
func isAbsent(err error) bool {
	return isOne(err, noAddress)
}

// IsInUse reports whether an error says that another program listens there, IsDenied whether this user may not.
func IsInUse(err error) bool { return isOne(err, inUse) }

// IsDenied is described at IsInUse.
func IsDenied(err error) bool { return isOne(err, denied) }

func isOne(err error, of []error) bool {
	return slices.ContainsFunc(of, func(one error) bool { return errors.Is(err, one) })
}

// Addresses returns where the set listens, as a client would write it. Both loopback addresses are one.
func (s *Set) Addresses() []string {
	var list []string
	for _, l := range s.Listeners {
		list = append(list, name(l.Addr()))
	}
	for _, p := range s.Packets {
		list = append(list, name(p.LocalAddr()))
	}
	return list
}

// name returns an address without the zero byte that begins an abstract one.
func name(addr net.Addr) string { return strings.Replace(addr.String(), "\x00", "@", 1) }

// Close closes all sockets. A UNIX socket is removed.
func (s *Set) Close() {
	for _, l := range s.Listeners {
		l.Close()
	}
	for _, p := range s.Packets {
		p.Close()
	}
}

// Acceptor is what accepts the connections of a Set.
type Acceptor struct {
	// Enter waits until another connection may be accepted. It returns false if ctx has ended.
	Enter func(ctx context.Context) (leave func(), ok bool)
	// Use is called in a goroutine of its own for every connection, at most Most at a time. It calls leave when the
	// connection has ended.
	Use  func(conn net.Conn, leave func())
	Most int
	// Note is called once each time that the kernel begins to refuse new connections, because a limit is reached; they
	// wait meanwhile.
	Note func(error)
}

// Accept accepts connections until the set is closed. Then calls of a.Use may still be under way.
func (s *Set) Accept(ctx context.Context, a *Acceptor) {
	slots := make(chan struct{}, a.Most)
	var wg sync.WaitGroup
	for _, l := range s.Listeners {
		wg.Go(func() { a.accept(ctx, l, slots) })
	}
	wg.Wait()
}

func (a *Acceptor) accept(ctx context.Context, l net.Listener, slots chan struct{}) {
	var failing pause
	for {
		leave, ok := a.Enter(ctx)
		if !ok {
			return
		}
		select {
		case slots <- struct{}{}:
		case <-ctx.Done():
			leave()
			return
		}
		conn, err := l.Accept()
		if err == nil {
			failing.reset()
			go func() {
				defer func() { <-slots }()
				a.Use(conn, leave)
			}()
			continue
		}
		<-slots
		leave()
		if errors.Is(err, net.ErrClosed) || ctx.Err() != nil {
			return
		}
		if failing.first() && !errors.Is(err, syscall.ECONNABORTED) {
			a.Note(cause(err))
		}
		failing.wait(ctx)
	}
}

// Reset closes a connection so that its peer gets a reset, not the end of the data.
func Reset(conn net.Conn) {
	switch c := conn.(type) {
	case *net.UnixConn:
		unixconn.Drain(c)
	case interface{ SetLinger(sec int) error }:
		_ = c.SetLinger(0)
	}
	conn.Close()
}

// cause returns an error without the address, which the caller names.
func cause(err error) error {
	if failed, ok := errors.AsType[*net.OpError](err); ok && failed.Err != nil {
		err = failed.Err
	}
	if errno, ok := errors.AsType[syscall.Errno](err); ok {
		return exit.Brief(err, errno)
	}
	return err
}
