package forward

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/nsjoin/docker-nsjoin/pkg/forward/listen"
	"github.com/nsjoin/docker-nsjoin/pkg/peeruid"
	"github.com/nsjoin/docker-nsjoin/pkg/udprelay"
)

// relay passes the packets of a socket on until ctx ends.
func (l *life) relay(ctx context.Context, packets net.PacketConn) {
	socket, ok := packets.(*net.UDPConn)
	if !ok {
		l.limited(errors.New("not a UDP socket"))
		return
	}
	var mu sync.Mutex
	type start struct {
		at    time.Time
		leave func()
	}
	began := make(map[netip.AddrPort]start)
	r := udprelay.Relay{
		Dial: func(ctx context.Context, peer netip.AddrPort) (net.Conn, error) {
			leave, ok := l.tryEnter()
			if !ok {
				return nil, errNoPlace
			}
			conn, err := l.network.Connect(ctx, l.Target)
			if err != nil {
				leave()
				return nil, err
			}
			mu.Lock()
			began[peer] = start{time.Now(), leave}
			mu.Unlock()
			l.total.Add(1)
			l.now.Add(1)
			return conn, nil
		},
		Sent: &l.bytes.Sent, Received: &l.bytes.Received,
		Admit: l.admits,
		Report: func(_ netip.AddrPort, err error) {
			if !errors.Is(err, errNoPlace) { // which was said
				l.unreachable(err)
			}
		},
		Ended: func(peer netip.AddrPort, sent, received int64) {
			mu.Lock()
			of := began[peer]
			delete(began, peer)
			mu.Unlock()
			of.leave()
			l.now.Add(-1)
			l.ended(net.UDPAddrFromAddrPort(peer), of.at, sent, received, nil)
		},
	}
	if err := r.Serve(ctx, socket); err != nil && ctx.Err() == nil {
		l.limited(err)
		l.pause(lookRarely)
	}
}

// errNoPlace means that the forward has as many peers as it may have.
var errNoPlace = errors.New("no more peers")

// admits reports whether a peer's packets are passed on.
func (l *life) admits(local, peer netip.AddrPort) bool {
	err := l.users.CheckPacket(local, peer, peeruid.OfPacket)
	l.refused(err)
	return err == nil
}

// refused reports that a user's connections are refused, once for each user.
func (l *life) refused(err error) {
	refused, ok := errors.AsType[*listen.RefusedError](err)
	if !ok || !refused.First || l.atLimit(err) {
		return
	}
	e := l.event(Refused)
	e.Error = err.Error()
	l.owner.session.tell(e)
}
