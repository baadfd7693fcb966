package engine

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"sync"
	"time"

	"github.com/docker/docker/client"
)

// Dialer makes a connection to an engine.
type Dialer func(ctx context.Context, network, addr string) (net.Conn, error)

// Redialing has connections made by dial, and made again where one ends before anything came back
// and dropped says that nothing can have been sent: an sshd with too many callers who have not
// logged in yet hangs up at random (MaxStartups, sshd_config(5)).
func Redialing(dial Dialer, dropped func(error) bool) client.Opt {
	return client.WithDialContext(func(ctx context.Context, network, addr string) (net.Conn, error) {
		again := func() (net.Conn, error) { return dial(context.WithoutCancel(ctx), network, addr) }
		conn, err := again()
		if err != nil {
			return nil, err
		}
		return &redialed{Conn: conn, dial: again, dropped: dropped, done: make(chan struct{})}, nil
	})
}

// How often a connection is made anew, and how long is waited before: doubled each time up to the
// longest, and random, so that those who were refused together don't come back together.
const (
	redials      = 12
	firstWait    = 50 * time.Millisecond
	longestWait  = 2 * time.Second
	randomShares = 2
)

// redialed is a connection that may be made anew as long as nothing was read.
type redialed struct {
	net.Conn // the present one, under mu
	dial     func() (net.Conn, error)
	dropped  func(error) bool
	done     chan struct{} // closed by Close

	mu     sync.Mutex
	sent   []byte // all that was written before anything was read
	ended  bool   // what is written has ended
	heard  bool
	closed bool
}

func (r *redialed) Read(b []byte) (int, error) {
	for try := 0; ; try++ {
		r.mu.Lock()
		conn, heard := r.Conn, r.heard
		r.mu.Unlock()
		n, err := conn.Read(b)
		if n > 0 && !heard {
			r.mu.Lock()
			r.heard, r.sent = true, nil
			r.mu.Unlock()
		}
		if n > 0 || err == nil || heard || try == redials || !r.dropped(err) || r.again(conn, try) != nil {
			return n, err
		}
	}
}

// again makes the connection anew and writes there what was written before.
func (r *redialed) again(old net.Conn, try int) error {
	wait := min(firstWait<<try, longestWait)
	select {
	case <-r.done:
		return net.ErrClosed
	case <-time.After(wait/randomShares + rand.N(wait)):
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
	_, _ = conn.Write(r.sent) // an error is the reader's to find
	if r.ended {
		_ = closeWrite(conn)
	}
	return nil
}

// Write keeps what is written until something was read. An error before that is the reader's to
// find, who knows the reason.
func (r *redialed) Write(b []byte) (int, error) {
	r.mu.Lock()
	if r.heard || r.closed {
		conn := r.Conn
		r.mu.Unlock()
		return conn.Write(b)
	}
	defer r.mu.Unlock()
	r.sent = append(r.sent, b...)
	_, _ = r.Conn.Write(b)
	return len(b), nil
}

// CloseWrite ends what is written, as client.CloseWriter has it.
func (r *redialed) CloseWrite() error {
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

func (r *redialed) Close() error {
	r.mu.Lock()
	conn := r.Conn
	if !r.closed {
		r.closed = true
		close(r.done)
	}
	r.mu.Unlock()
	return conn.Close()
}
