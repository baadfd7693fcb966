package udprelay

import (
	"context"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// buffers holds buffers for packets, which are borrowed while one is passed on.
//
//nolint:gochecknoglobals // a pool of the runtime's
var buffers = sync.Pool{New: func() any { b := make([]byte, mostPacket); return &b }}

// serve connects for a peer, and passes answers back until the peer is forgotten or its connection fails.
func (s *serving) serve(ctx context.Context, p *peer) {
	defer s.forget(p)
	defer p.ended()
	conn, ended, err := s.Dial(ctx, p.remote)
	for errors.Is(err, ErrFull) && s.makePlace(ctx) {
		conn, ended, err = s.Dial(ctx, p.remote)
	}
	if err != nil {
		s.report(p, err)
		// What the peer goes on to send is dropped for a while, not dialed for.
		const pause = time.Second
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
		return
	}
	defer s.connected(p)()
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	var writer sync.WaitGroup
	writer.Go(func() { s.writeQueue(ctx, p, conn) })
	s.readBack(ctx, p, conn)
	p.ended()
	stop()
	_ = conn.Close() // also if stop came too late: that may not have happened yet
	writer.Wait()
	if ended != nil {
		ended(p.sent.Load(), p.received.Load())
	}
}

// writeQueue writes what waits for the connection. Later packets of a socket of this machine are written without it.
func (s *serving) writeQueue(ctx context.Context, p *peer, conn net.Conn) {
	_, socket := conn.(*net.UDPConn)
	for {
		if socket && len(p.queue) == 0 {
			p.direct.Store(&conn)
		}
		select {
		case <-ctx.Done():
			return
		case packet := <-p.queue:
			s.write(p, conn, packet)
		}
	}
}

// write sends a packet. If it is refused at once, that is the refusal of an earlier one, by ICMP.
func (s *serving) write(p *peer, conn net.Conn, packet []byte) {
	n, err := conn.Write(packet)
	if errors.Is(err, syscall.ECONNREFUSED) {
		s.report(p, err)
		n, err = conn.Write(packet)
	}
	if err == nil {
		count(int64(n), &p.sent, s.Sent)
	} else if !errors.Is(err, net.ErrClosed) {
		s.report(p, err)
	}
}

// readBack passes answers back to the peer. Refusals do not end it: the port may be listened on later.
func (s *serving) readBack(ctx context.Context, p *peer, conn net.Conn) {
	receive := receiver(conn)
	refusals := 0
	for ctx.Err() == nil {
		err := receive(func(packet []byte) {
			refusals = 0
			if ctx.Err() != nil { // its port may be another program's by now
				return
			}
			s.answered(p, time.Now())
			if p.on.send(p.key, packet) == nil {
				count(int64(len(packet)), &p.received, s.Received)
			}
		})
		switch {
		case err == nil:
		case errors.Is(err, syscall.ECONNREFUSED):
			s.report(p, err)
			// A connection that fails for good repeats its error; a socket's goes away with it.
			const most = 1000
			if refusals++; refusals > most {
				return
			}
		default:
			return
		}
	}
}

func (s *serving) report(p *peer, err error) {
	if s.Report != nil && s.ctx.Err() == nil && !p.reported.Swap(true) {
		s.Report(p.remote, err)
	}
}

// plainReceiver receives packets with a buffer that is held while it waits.
func plainReceiver(conn net.Conn) func(func([]byte)) error {
	return func(pass func([]byte)) error {
		buffer := buffers.Get().(*[]byte)
		defer buffers.Put(buffer)
		n, err := conn.Read(*buffer)
		if err == nil {
			pass((*buffer)[:n])
		}
		return err
	}
}

// count adds to both numbers.
func count(n int64, ofPeer, ofAll *atomic.Int64) {
	ofPeer.Add(n)
	if ofAll != nil {
		ofAll.Add(n)
	}
}
