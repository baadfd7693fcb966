package forward

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"time"

	"github.com/nsjoin/docker-nsjoin/pkg/forward/listen"
	"github.com/nsjoin/docker-nsjoin/pkg/peeruid"
	"github.com/nsjoin/docker-nsjoin/pkg/udprelay"
)

// relay passes the packets of all sockets on until ctx ends.
func (l *life) relay(ctx context.Context, packets []net.PacketConn) {
	var sockets []*net.UDPConn
	for _, one := range packets {
		socket, ok := one.(*net.UDPConn)
		if !ok {
			l.limited(errors.New("not a UDP socket"))
			return
		}
		sockets = append(sockets, socket)
	}
	r := udprelay.Relay{
		Dial: l.connectPeer,
		Sent: &l.bytes.Sent, Received: &l.bytes.Received,
		Admit: l.admits,
		Report: func(_ netip.AddrPort, err error) {
			if !errors.Is(err, udprelay.ErrFull) { // which was said
				l.unreachable(err)
			}
		},
	}
	if err := r.Serve(ctx, sockets...); err != nil && ctx.Err() == nil && l.alive.Err() == nil {
		l.limited(err)
		l.pause(lookRarely)
	}
}

// connectPeer connects for a sender of packets, and returns what to call when the connection was closed.
func (l *life) connectPeer(ctx context.Context, peer netip.AddrPort) (conn net.Conn, ended func(sent, received int64), err error) {
	leave, ok := l.tryEnter()
	if !ok {
		return nil, nil, udprelay.ErrFull
	}
	if conn, err = l.network.Connect(ctx, l.Target); err != nil {
		leave()
		return nil, nil, err
	}
	began := time.Now()
	l.total.Add(1)
	l.now.Add(1)
	return conn, func(sent, received int64) {
		leave()
		l.now.Add(-1)
		l.ended(net.UDPAddrFromAddrPort(peer), began, sent, received, nil)
	}, nil
}

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
