package pump

import (
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
)

// copying is a pair that two goroutines copy: a side of it is no socket of this machine, or this is not Linux.
type copying struct {
	a, b   net.Conn
	closed atomic.Bool // by Pump.Close
	broken sync.Once
	why    error // the error that has broken the pair, whose other side then fails because of that; set by broken
}

// buffers holds the buffers of all pairs of the process. They are borrowed while bytes move.
//
//nolint:gochecknoglobals // a pool of the runtime's
var buffers = sync.Pool{New: func() any { return new(buffer) }}

const bufferSize = 32 << 10

type buffer [bufferSize]byte

// copy copies with two goroutines.
func (p *Pump) copy(a, b net.Conn, done func(sent, received int64, err error)) {
	c := &copying{a: a, b: b}
	p.mu.Lock()
	p.copies[c] = struct{}{}
	closed := p.closed
	p.mu.Unlock()
	if closed {
		c.close()
	}
	go func() {
		var received int64
		var back error
		var both sync.WaitGroup
		both.Go(func() { received, back = c.flow(a, b, &p.Counts.Received) })
		sent, err := c.flow(b, a, &p.Counts.Sent)
		both.Wait()
		_ = a.Close()
		_ = b.Close()
		p.mu.Lock()
		delete(p.copies, c)
		p.mu.Unlock()
		if err == nil {
			err = back
		}
		if c.why != nil {
			err = c.why
		}
		if c.closed.Load() {
			err = net.ErrClosed
		}
		done(sent, received, err)
	}()
}

// flow copies from one connection to the other until the first one ends, and passes the end on. If one fails, it breaks
// both.
func (c *copying) flow(to, from net.Conn, total *atomic.Int64) (n int64, err error) {
	if n, err = move(writer(to, counting{to, total}), from); err == nil {
		err = closeWrite(to)
	}
	if err != nil {
		c.broken.Do(func() {
			c.why = err
			reset(c.a)
			reset(c.b)
		})
	}
	return n, err
}

// close ends the pair.
func (c *copying) close() {
	c.closed.Store(true)
	c.broken.Do(func() {
		_ = closeWrite(c.a)
		_ = closeWrite(c.b)
		_ = c.a.Close()
		_ = c.b.Close()
	})
}

// counting counts what is written. It hides the other methods of a connection, such as ReadFrom of a TCP connection.
type counting struct {
	to    io.Writer
	total *atomic.Int64
}

func (c counting) Write(p []byte) (int, error) {
	n, err := c.to.Write(p)
	c.total.Add(int64(n))
	return n, err
}

// move copies until from ends.
func move(to io.Writer, from net.Conn) (n int64, err error) {
	switch from.(type) {
	case *net.TCPConn, *net.UnixConn: // whose WriteTo holds a buffer while it waits
	default:
		if w, ok := from.(io.WriterTo); ok {
			return w.WriteTo(to)
		}
	}
	read := reader(from)
	for {
		b, length, err := read()
		if length > 0 {
			m, err := to.Write(b[:length])
			n += int64(m)
			if err != nil {
				buffers.Put(b)
				return n, err
			}
		}
		if b != nil {
			buffers.Put(b)
		}
		if errors.Is(err, io.EOF) {
			return n, nil
		}
		if err != nil {
			return n, err
		}
	}
}

// plainReader reads with a buffer that is held while it waits.
func plainReader(from net.Conn) func() (*buffer, int, error) {
	return func() (*buffer, int, error) {
		b := buffers.Get().(*buffer)
		n, err := from.Read(b[:])
		return b, n, err
	}
}

// closeWrite ends one direction. A connection that cannot do that is closed.
func closeWrite(conn net.Conn) error {
	half, ok := conn.(interface{ CloseWrite() error })
	if !ok {
		return conn.Close()
	}
	return half.CloseWrite()
}

// reset ends a connection so that its other end notices that it is broken, if that is possible.
func reset(conn net.Conn) {
	switch c := conn.(type) {
	case interface{ Reset() error }:
		_ = c.Reset()
	case interface{ SetLinger(sec int) error }:
		_ = c.SetLinger(0)
	}
	_ = conn.Close()
}
