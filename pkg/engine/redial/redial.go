// Package redial connects to an engine again if a connection ended before anything was received.
package redial

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"sync"
	"time"

	"github.com/docker/docker/client"
)

// Dialer connects to an engine.
type Dialer func(ctx context.Context, network, addr string) (net.Conn, error)

// Option makes connections with dial. If a connection ends before anything was received, and dropped
// says that the request cannot have reached the engine, it connects again: an sshd with too many
// unauthenticated clients closes connections at random (MaxStartups, sshd_config(5)).
func Option(dial Dialer, dropped func(error) bool) client.Opt {
	return client.WithDialContext(func(ctx context.Context, network, addr string) (net.Conn, error) {
		connect := func() (net.Conn, error) { return dial(context.WithoutCancel(ctx), network, addr) }
		conn, err := connect()
		if err != nil {
			return nil, err
		}
		return &connection{Conn: conn, dial: connect, dropped: dropped, done: make(chan struct{})}, nil
	})
}

// How often to connect again, and the pause before that. It doubles each time, and is random, so that
// clients that were refused together do not come back together.
const (
	maxRedials = 12
	minBackoff = 50 * time.Millisecond
	maxBackoff = 2 * time.Second
)

// connection is a connection that is made again as long as nothing has been received.
type connection struct {
	net.Conn // the current one, under mu
	dial     func() (net.Conn, error)
	dropped  func(error) bool
	done     chan struct{} // closed by Close

	mu       sync.Mutex
	sent     []byte // everything written before anything was received
	ended    bool   // CloseWrite was called
	received bool
	closed   bool
}

func (r *connection) Read(b []byte) (int, error) {
	for try := 0; ; try++ {
		r.mu.Lock()
		conn, received := r.Conn, r.received
		r.mu.Unlock()
		n, err := conn.Read(b)
		if n > 0 && !received {
			r.mu.Lock()
			r.received, r.sent = true, nil
			r.mu.Unlock()
		}
		if n > 0 || err == nil || received || try == maxRedials || !r.dropped(err) || r.redial(conn, try) != nil {
			return n, err
		}
	}
}

// redial connects again and writes what was written before.
func (r *connection) redial(old net.Conn, try int) error {
	backoff := min(minBackoff<<try, maxBackoff)
	select {
	case <-r.done:
		return net.ErrClosed
	case <-time.After(backoff/2 + rand.N(backoff)):
	}
	_ = old.Close()
	conn, err := r.dial()
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		_ = conn.Close()
		return net.ErrClosed
	}
	r.Conn = conn
	_, _ = conn.Write(r.sent) // the next Read returns the error
	if r.ended {
		_ = closeWrite(conn)
	}
	return nil
}

// Write keeps what is written until something has been received. Before that it returns no error: Read
// returns it, with the reason.
func (r *connection) Write(b []byte) (int, error) {
	r.mu.Lock()
	if r.received || r.closed {
		conn := r.Conn
		r.mu.Unlock()
		return conn.Write(b)
	}
	defer r.mu.Unlock()
	r.sent = append(r.sent, b...)
	_, _ = r.Conn.Write(b)
	return len(b), nil
}

// CloseWrite ends the sending direction.
func (r *connection) CloseWrite() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ended = true
	return closeWrite(r.Conn)
}

func closeWrite(conn net.Conn) error {
	if c, ok := conn.(interface{ CloseWrite() error }); ok {
		return c.CloseWrite()
	}
	return errors.ErrUnsupported
}

func (r *connection) Close() error {
	r.mu.Lock()
	conn := r.Conn
	if !r.closed {
		r.closed = true
		close(r.done)
	}
	r.mu.Unlock()
	return conn.Close()
}
