package forward

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/nsjoin/docker-nsjoin/pkg/forward/listen"
	"github.com/nsjoin/docker-nsjoin/pkg/forward/spec"
	"github.com/nsjoin/docker-nsjoin/pkg/peeruid"
)

// LoopError says that a forward would connect to itself.
type LoopError struct {
	Container string
	Port      uint16
}

func (e *LoopError) Error() string {
	return fmt.Sprintf("port %d of %q is port %d of this machine already: the container has the same network", e.Port, e.Container, e.Port)
}

// loop returns an error if a forward that listens on set would connect to itself, or to one that leads back. That a name or an
// address of this machine's network leads back is not found out.
func (l *life) loop(set *listen.Set) error {
	if l.leadsTo(set) && l.network.IsHere(l.ctx, set.Port, peeruid.Inodes) {
		return &LoopError{Container: l.owner.Name, Port: set.Port}
	}
	own := l.status()
	if l.Listen.Network != spec.Unix {
		own.Listen = set.Addresses()
	}
	if other := l.owner.session.claims.claim(&own); other != nil {
		return &FacingError{Forward: own.Text(), Other: other.Text()}
	}
	if l.alive.Err() != nil { // stop has released it before
		l.owner.session.claims.release(l.id)
	}
	if other := l.others().facing(&own); other != nil {
		return &FacingError{Forward: own.Text(), Other: other.Text(), ID: other.ID}
	}
	return nil
}

// othersWithin is how long the user's other calls may take to answer: one that is stopped does not hold up a new forward.
const othersWithin = 500 * time.Millisecond

// askOthers asks the user's other calls for their forwards.
func (s *Session) askOthers() index {
	ctx, cancel := context.WithTimeout(context.Background(), othersWithin)
	defer cancel()
	return newIndex(s.o.Others(ctx))
}

// others returns the forwards of the user's other calls. Forwards that ask at the same time share an answer.
func (l *life) others() index {
	if l.owner.session.o.Others == nil || len(l.reaches()) == 0 {
		return nil
	}
	answer := l.owner.session.others.Join()
	select {
	case <-answer.Done():
		return answer.Get()
	case <-l.ctx.Done():
		return nil
	}
}

// leadsTo reports whether the target has the port of set, on a loopback address.
func (l *life) leadsTo(set *listen.Set) bool {
	if l.Proxy || l.Listen.Network != l.Target.Network || l.Target.Network == spec.Unix || l.Target.Port != set.Port {
		return false
	}
	addr, err := netip.ParseAddr(l.Target.Host)
	return l.Target.Host == "" || l.Target.Host == localhost || err == nil && addr.Unmap().IsLoopback()
}

// reaches returns where the target is on its side, in the form of Status.Listen, if that is certain without a look-up. Of a
// target without a host it is the address that is tried first; the others are used only if nothing answers there.
func (t *tunnel) reaches() []string {
	host := t.Target.Host
	switch {
	case t.Proxy:
		return nil
	case t.Target.Network == spec.Unix:
		return []string{t.Target.Path}
	case host == "":
		host = localhost
	}
	addrs, err := spec.Addresses(host)
	if err != nil {
		return nil // a name
	}
	return []string{netip.AddrPortFrom(addrs[0], t.Target.Port).String()}
}

// leadsTo reports whether the target of a forward is another one of the same container.
func (s *Status) leadsTo(o *Status) bool {
	if s.ContainerID == "" || s.ContainerID != o.ContainerID || o.Network == string(spec.UDP) {
		return false
	}
	return slices.ContainsFunc(s.Reaches, func(at string) bool {
		return slices.ContainsFunc(o.Listen, func(listens string) bool { return isAt(at, listens) })
	})
}

// isAt reports whether an address that is connected to is one that is listened on.
func isAt(at, listens string) bool {
	here, err := netip.ParseAddrPort(listens)
	if err != nil { // a path
		return at == listens
	}
	there, err := netip.ParseAddrPort(at)
	if err != nil || there.Port() != here.Port() {
		return false
	}
	everywhere := here.Addr().IsUnspecified() && here.Addr().Is4() == there.Addr().Is4() // each listens on one family
	return there.Addr() == here.Addr() || everywhere
}
