// Package reach connects to what a container reaches: its own ports, those of names that it knows, and the UNIX sockets
// in its file system.
package reach

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/nsjoin/docker-nsjoin/pkg/forward/spec"
	"github.com/nsjoin/docker-nsjoin/pkg/forward/together"
	"github.com/nsjoin/docker-nsjoin/pkg/resolve"
	"github.com/nsjoin/docker-nsjoin/pkg/sockets/client"
)

// Network is a container's network.
type Network struct {
	client.Network

	listing together.Question[listed]

	mu       sync.Mutex
	resolver *resolve.Resolver     // nil before the first name
	worked   map[uint16]netip.Addr // where the container's own ports answered
	packets  map[uint16]*receiver  // where the container's own UDP ports receive
}

// New returns n with its names.
func New(n client.Network) *Network {
	reached := &Network{Network: n, worked: make(map[uint16]netip.Addr), packets: make(map[uint16]*receiver)}
	reached.listing.Ask = func() (l listed) {
		l.list, l.err = n.Listening(context.Background()) // which ends with the network
		return l
	}
	return reached
}

// Connect connects to a target.
func (n *Network) Connect(ctx context.Context, t spec.Target) (net.Conn, error) {
	switch {
	case t.Network == spec.Unix:
		return n.Dial(ctx, string(spec.Unix), t.Path)
	case t.Host != "":
		return n.connectHost(ctx, t)
	case t.Network == spec.UDP:
		return n.Dial(ctx, string(spec.UDP), netip.AddrPortFrom(n.ownUDP(ctx, t.Port), t.Port).String())
	}
	return n.connectOwn(ctx, t.Port)
}

// connectHost tries the addresses of a name in their order.
func (n *Network) connectHost(ctx context.Context, t spec.Target) (net.Conn, error) {
	addrs, err := n.lookup(ctx, t.Host)
	if err != nil {
		return nil, err
	}
	var first error
	for i, addr := range addrs {
		conn, err := n.dialOne(ctx, string(t.Network), netip.AddrPortFrom(addr, t.Port), len(addrs)-i)
		if err == nil {
			return conn, nil
		}
		if first == nil {
			first = err
		}
		if ctx.Err() != nil {
			break
		}
	}
	if first == nil {
		return nil, fmt.Errorf("%s has no address", t.Host)
	}
	return nil, first
}

// mostOfOne is how long one of several addresses may take that does not answer.
const mostOfOne = 10 * time.Second

// dialOne connects to the first of left addresses. Each has its share of the time, as with net.Dialer.
func (n *Network) dialOne(ctx context.Context, network string, at netip.AddrPort, left int) (net.Conn, error) {
	if left == 1 {
		return n.Dial(ctx, network, at.String())
	}
	share := mostOfOne
	if deadline, ok := ctx.Deadline(); ok {
		share = min(share, time.Until(deadline)/time.Duration(left))
	}
	one, cancel := context.WithTimeout(ctx, share)
	defer cancel()
	conn, err := n.Dial(one, network, at.String())
	if err != nil && one.Err() != nil && ctx.Err() == nil {
		err = fmt.Errorf("connect to %s: %w", at, syscall.ETIMEDOUT)
	}
	return conn, err
}

// lookup returns the addresses of a host.
func (n *Network) lookup(ctx context.Context, host string) ([]netip.Addr, error) {
	if addr, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{addr}, nil
	}
	resolver, err := n.names(ctx)
	if err != nil {
		return nil, fmt.Errorf("look up %s: %w", host, err)
	}
	return resolver.Lookup(ctx, host)
}

// names returns the resolver, which reads the container's names once.
func (n *Network) names(ctx context.Context) (*resolve.Resolver, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.resolver == nil {
		names, err := n.Names(ctx)
		if err != nil {
			return nil, err
		}
		n.resolver = resolve.New(names, n.Dial)
	}
	return n.resolver, nil
}

// connectOwn connects to a port of the container itself: where it answered before, on its loopback addresses, and then
// on the address that it listens on.
func (n *Network) connectOwn(ctx context.Context, port uint16) (net.Conn, error) {
	addrs := loopback
	n.mu.Lock()
	if last, ok := n.worked[port]; ok {
		addrs = append([]netip.Addr{last}, loopback...)
	}
	n.mu.Unlock()
	tried := make(map[netip.Addr]bool)
	conn, first := n.try(ctx, addrs, port, tried)
	if conn != nil || !passes(first) {
		return conn, first
	}
	addrs = nil
	if all, err := n.Listening(ctx); err == nil {
		for _, l := range all {
			if l.Network == string(spec.TCP) && l.Address.Port() == port && !l.Address.Addr().IsUnspecified() {
				addrs = append(addrs, l.Address.Addr().Unmap())
			}
		}
	}
	conn, err := n.try(ctx, addrs, port, tried)
	if conn != nil || err != nil {
		return conn, err
	}
	return nil, first
}

// loopback are the container's own addresses.
var loopback = []netip.Addr{netip.AddrFrom4([4]byte{127, 0, 0, 1}), netip.IPv6Loopback()}

// try connects to the first address that takes the connection. The error is that of the first address, unless another one
// failed in a way that matters more.
func (n *Network) try(ctx context.Context, addrs []netip.Addr, port uint16, tried map[netip.Addr]bool) (net.Conn, error) {
	var first error
	for _, addr := range addrs {
		if tried[addr] {
			continue
		}
		tried[addr] = true
		conn, err := n.Dial(ctx, string(spec.TCP), netip.AddrPortFrom(addr, port).String())
		if err == nil {
			n.mu.Lock()
			n.worked[port] = addr
			n.mu.Unlock()
			return conn, nil
		}
		if !passes(err) {
			return nil, err
		}
		if first == nil {
			first = err
		}
	}
	return nil, first
}

// passes reports whether another address may work.
func passes(err error) bool {
	for _, errno := range elsewhere {
		if errors.Is(err, errno) {
			return true
		}
	}
	return false
}

// Answers reports whether a target takes connections, as Listens does. Where it cannot be found out otherwise, it is connected to;
// the error is why that failed.
func (n *Network) Answers(ctx context.Context, t spec.Target, since time.Time) (bool, error) {
	if listens, known := n.Listens(ctx, t, since); known {
		return listens, nil
	}
	conn, err := n.Connect(ctx, t)
	if err != nil {
		return false, err
	}
	conn.Close()
	return true, nil
}

// DialHost connects to a TCP port of a name or address, as a client of a proxy asks for it.
func (n *Network) DialHost(ctx context.Context, host string, port uint16) (net.Conn, error) {
	conn, err := n.Connect(ctx, spec.Target{Network: spec.TCP, Host: host, Port: port})
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", net.JoinHostPort(host, strconv.Itoa(int(port))), err)
	}
	return conn, nil
}
