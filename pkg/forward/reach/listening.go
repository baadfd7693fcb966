package reach

import (
	"context"
	"net/netip"
	"sync"
	"time"

	"github.com/nsjoin/docker-nsjoin/pkg/forward/spec"
	"github.com/nsjoin/docker-nsjoin/pkg/forward/together"
	"github.com/nsjoin/docker-nsjoin/pkg/sockets"
)

// listed is an answer of Listening.
type listed struct {
	list []sockets.Listening
	err  error
}

// Listening is described at client.Network. Those who ask at the same time share a list, which they do not change.
func (n *Network) Listening(ctx context.Context) ([]sockets.Listening, error) {
	return wait(ctx, n.listing.Join())
}

func wait(ctx context.Context, answer *together.Answer[listed]) ([]sockets.Listening, error) {
	select {
	case <-answer.Done():
		l := answer.Get()
		return l.list, l.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Listens reports whether the container listens on a port of its own, by a list that was begun since a moment; the zero time stands
// for this call. known is false for other targets, and if it cannot be found out.
func (n *Network) Listens(ctx context.Context, t spec.Target, since time.Time) (listens, known bool) {
	if t.Host != "" || t.Network == spec.Unix {
		return false, false
	}
	var answer *together.Answer[listed]
	if since.IsZero() {
		answer = n.listing.Join()
	} else {
		answer = n.listing.JoinSince(since)
	}
	all, err := wait(ctx, answer)
	if err != nil {
		return false, false
	}
	for _, l := range all {
		if l.Network == string(t.Network) && l.Address.Port() == t.Port {
			return true, true
		}
	}
	return false, len(all) < sockets.Max // else the list may lack it
}

// receiver is where a UDP port receives.
type receiver struct {
	mu    sync.Mutex // held while it is asked for
	addr  netip.Addr
	until time.Time // asked for again after that
}

// receiverFor is how long an answer is used: with UDP, each sender has a connection of its own.
const receiverFor = time.Second

// ownUDP returns the address on which a UDP port of the container receives. With UDP nothing says that nobody does.
func (n *Network) ownUDP(ctx context.Context, port uint16) netip.Addr {
	n.mu.Lock()
	r := n.packets[port]
	if r == nil {
		r = &receiver{}
		n.packets[port] = r
	}
	n.mu.Unlock()
	r.mu.Lock()
	defer r.mu.Unlock()
	if time.Now().Before(r.until) {
		return r.addr
	}
	all, err := n.Listening(ctx)
	if err != nil {
		return loopback[0]
	}
	r.addr, r.until = receives(all, port), time.Now().Add(receiverFor)
	return r.addr
}

// receives returns the address on which a UDP port receives.
func receives(all []sockets.Listening, port uint16) netip.Addr {
	var found []netip.Addr
	for _, l := range all {
		if l.Network != string(spec.UDP) || l.Address.Port() != port {
			continue
		}
		addr := l.Address.Addr().Unmap()
		if addr == loopback[0] || addr == netip.IPv4Unspecified() || addr == netip.IPv6Unspecified() {
			return loopback[0] // one of :: takes IPv4 too, unless it says otherwise
		}
		found = append(found, addr)
	}
	if len(found) > 0 {
		return found[0]
	}
	return loopback[0]
}

// IsHere reports whether the container's network is one that has the sockets of own at port: one of them is in the
// container's list. It is false if that cannot be found out.
func (n *Network) IsHere(ctx context.Context, port uint16, own func(port uint16) (map[uint64]bool, error)) bool {
	list, err := n.Listening(ctx)
	if err != nil {
		return false
	}
	inList := make(map[uint64]bool)
	for _, l := range list {
		if l.Address.Port() == port && l.Inode != 0 {
			inList[l.Inode] = true
		}
	}
	if len(inList) == 0 {
		return false
	}
	inodes, err := own(port)
	if err != nil {
		return false
	}
	for inode := range inList {
		if inodes[inode] {
			return true
		}
	}
	return false
}
