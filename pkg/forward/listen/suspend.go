package listen

import (
	"context"
	"net"
	"net/netip"
)

// suspender is a listener that can stop listening for a time, without another program being able to take its address.
type suspender interface {
	net.Listener
	suspend()
	resume(ctx context.Context) error
}

// Suspend stops listening: clients are refused. As far as the system can, the addresses stay taken until Close, so that no
// other user of this machine is taken for the container meanwhile. That is so on Linux for TCP, and for the files of UNIX
// sockets.
func (s *Set) Suspend() {
	for _, l := range s.Listeners {
		if held, ok := l.(suspender); ok {
			held.suspend()
		} else {
			l.Close()
		}
	}
	for _, p := range s.Packets {
		p.Close()
	}
}

// Resume listens again after Suspend. It reports false if that is not possible for all addresses: then close the set, and
// make another one.
func (s *Set) Resume(ctx context.Context) bool {
	for _, l := range s.Listeners {
		if held, ok := l.(suspender); !ok || held.resume(ctx) != nil {
			return false
		}
	}
	return len(s.Packets) == 0
}

// listenTCP is a Function for config. A port that the system has chosen is bound once more: only one that was asked for stays
// bound while the set is suspended.
func listenTCP(config net.ListenConfig) Function {
	return func(ctx context.Context, network, address string) (net.Listener, error) {
		l, err := config.Listen(ctx, network, address)
		if at, _ := netip.ParseAddrPort(address); err == nil && at.IsValid() && at.Port() == 0 {
			l.Close()
			l, err = config.Listen(ctx, network, netip.AddrPortFrom(at.Addr(), portOf(l.Addr())).String())
		}
		return l, err
	}
}
