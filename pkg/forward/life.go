package forward

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"sync"
	"time"

	"github.com/nsjoin/docker-nsjoin/pkg/forward/listen"
	"github.com/nsjoin/docker-nsjoin/pkg/forward/reach"
	"github.com/nsjoin/docker-nsjoin/pkg/forward/spec"
	"github.com/nsjoin/docker-nsjoin/pkg/pump"
	"github.com/nsjoin/docker-nsjoin/pkg/sockets/unixconn"
	"github.com/nsjoin/docker-nsjoin/pkg/socks"
)

// life is a forward while its container runs.
type life struct {
	*tunnel
	network *reach.Network
	ctx     context.Context // until the container or the forward ends
	pump    *pump.Pump
	joined  open
	// inNetwork is the forward's share of the connections that the network may have; nil if there is no limit.
	inNetwork *share
}

const (
	// mostDials is how many connections of a forward may be made at the same time; others wait in the listen queue.
	mostDials = 256
	// dialFor is how long making one may take.
	dialFor = time.Minute
)

// listen listens on this machine or, in reverse, in the container. A set that was suspended is checked as a new one is: the
// container that it was suspended for may be another one by now, with another network.
func (l *life) listen() (*listen.Set, error) {
	set, err := l.resume(l.ctx), error(nil)
	if set == nil {
		set, err = l.listenAnyway()
	}
	if err != nil {
		return nil, err
	}
	if loop := l.loop(set); loop != nil {
		set.Close()
		return nil, loop
	}
	return set, nil
}

func (l *life) listenAnyway() (*listen.Set, error) {
	o := &l.owner.session.o
	if !l.Reverse {
		return listen.On(l.ctx, l.Listen, o.Addresses, o.AnyUser)
	}
	return listen.With(l.ctx, l.Listen, o.Addresses, func(ctx context.Context, network, address string) (net.Listener, error) {
		if network != string(spec.Unix) {
			network = string(spec.TCP)
		}
		return l.network.Listen(ctx, network, address)
	})
}

// listens reports whether the container listens on the target. known is false if it is not the container's own port.
func (l *life) listens() (listens, known bool) {
	if l.Reverse || l.Proxy {
		return false, false
	}
	return l.network.Listens(l.ctx, l.Target, time.Time{})
}

// waitForTarget waits until answers does not say no any more, by what was found out since a moment. It returns false if the forward
// ends before, or after most, if that is not 0.
func (l *life) waitForTarget(most time.Duration, answers func(context.Context, spec.Target, time.Time) bool) bool {
	began := time.Now()
	for look := (time.Time{}); l.ctx.Err() == nil; {
		if answers(l.ctx, l.Target, look) {
			return true
		}
		if most > 0 && time.Since(began) > most {
			return false
		}
		every := lookOften
		if time.Since(began) > oftenFor {
			every = lookRarely
		}
		look = l.owner.nextLook(every)
		l.pause(time.Until(look))
	}
	return false
}

// pause waits, or until the forward ends.
func (l *life) pause(d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-l.ctx.Done():
	}
}

// accept serves the connections of set until the forward ends, or the container no longer listens on the target.
func (l *life) accept(set *listen.Set) {
	ctx, cancel := context.WithCancel(l.ctx)
	defer cancel()
	closed := make(chan struct{})
	context.AfterFunc(ctx, func() {
		l.suspend(set)
		close(closed)
	})
	var relaying sync.WaitGroup
	if len(set.Packets) > 0 {
		relaying.Go(func() { l.relay(ctx, set.Packets) })
	}
	set.Accept(ctx, &listen.Acceptor{
		Most:  l.owner.session.files.dials,
		Enter: l.enter,
		Use: func(conn net.Conn, leave func()) {
			if err := l.serve(conn, leave); reach.IsRefused(err) {
				if listens, known := l.listens(); known && !listens {
					cancel()
				}
			}
		},
		Note: func(err error) { l.limited(fmt.Errorf("new connections have to wait: %w", err)) },
	})
	relaying.Wait()
	cancel()
	<-closed
}

// serve connects a client to the target, and calls leave when the connection has ended. An error means that the client was
// reset.
func (l *life) serve(client net.Conn, leave func()) error {
	began, peer := time.Now(), client.RemoteAddr()
	if !l.joined.begin() {
		listen.Reset(client)
		leave()
		return net.ErrClosed
	}
	l.total.Add(1)
	client, target, err := l.connect(client)
	if err != nil {
		_, refused := errors.AsType[*listen.RefusedError](err)
		if l.Proxy && !refused {
			client.Close() // it has the answer
		} else {
			listen.Reset(client)
		}
		leave()
		l.joined.end()
		if !refused && !l.isOver() {
			if ownPort := !l.Reverse && l.Target.Host == "" && l.Target.Network == spec.TCP; !ownPort || !reach.IsRefused(err) {
				l.unreachable(err)
			} // else the forward waits
			l.ended(peer, began, 0, 0, err)
		}
		return err
	}
	l.unreachable(nil)
	l.now.Add(1)
	l.pump.Join(client, target, func(sent, received int64, err error) {
		l.now.Add(-1)
		leave()
		if l.owner.session.o.Quiet {
			l.joined.end()
			return
		}
		go func() { // reporting may have to wait
			l.ended(peer, began, sent, received, err)
			l.joined.end()
		}()
	})
	return nil
}

// isOver reports whether the forward has ended, or the container.
func (l *life) isOver() bool {
	select {
	case <-l.network.Gone(): // ctx ends a little later
		return true
	default:
		return l.ctx.Err() != nil
	}
}

// connect makes the connection that a client asks for, and returns the client's to be used from then on.
func (l *life) connect(client net.Conn) (guarded, target net.Conn, err error) {
	if err := l.users.Check(client); err != nil {
		l.refused(err)
		return client, nil, err
	}
	guarded = unixconn.Guard(client)
	target, err = l.dial(guarded)
	return guarded, target, err
}

func (l *life) dial(client net.Conn) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(l.ctx, dialFor)
	defer cancel()
	switch {
	case l.Proxy:
		return socks.Accept(ctx, client, l.network.DialHost)
	case l.Reverse:
		return dialHere(ctx, l.Target)
	}
	return l.network.Connect(ctx, l.Target)
}

// dialHere connects to a target on this machine's side, whose names are looked up each time.
func dialHere(ctx context.Context, t spec.Target) (net.Conn, error) {
	if t.Network == spec.Unix {
		conn, err := (&net.Dialer{Control: unixconn.Control}).DialContext(ctx, string(spec.Unix), t.Path)
		if err != nil {
			return nil, err
		}
		return unixconn.Guard(conn), nil
	}
	var dialer net.Dialer
	port := strconv.Itoa(int(t.Port))
	if t.Host != "" && t.Host != localhost {
		return dialer.DialContext(ctx, string(t.Network), net.JoinHostPort(t.Host, port))
	}
	conn, err := dialer.DialContext(ctx, string(t.Network), net.JoinHostPort("127.0.0.1", port))
	if err == nil {
		return conn, nil
	}
	if conn, second := dialer.DialContext(ctx, string(t.Network), net.JoinHostPort(netip.IPv6Loopback().String(), port)); second == nil {
		return conn, nil
	}
	return nil, err
}

const localhost = "localhost"

// finish waits until this life ends, lets its connections pass on what has arrived, and ends them. over ends when they
// should not have that time. The forward may have other lives after this one.
func (l *life) finish(over context.Context) {
	<-l.ctx.Done()
	idle := l.joined.finish()
	select {
	case <-idle:
	case <-l.alive.Done():
	case <-over.Done():
	case <-time.After(lastBytes):
	}
	closed := make(chan struct{})
	go func() {
		_ = l.pump.Close()
		<-idle
		close(closed)
	}()
	select {
	case <-closed:
	case <-time.After(lastBytes): // the end of this process ends what is left
	}
}
