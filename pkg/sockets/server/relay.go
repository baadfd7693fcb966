//go:build linux

package server

import (
	"errors"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/frame/streams"
)

// relay passes data on between a stream and a connection until both directions have ended, or one of them was reset, and
// closes both.
func (s *server) relay(stream *streams.Stream, c *conn) {
	stream.OnOver(func(reset bool) {
		if reset {
			c.abort()
			return
		}
		// The client reads no more, but what it has sent is delivered.
		_ = c.file.SetReadDeadline(time.Now())
		_ = c.file.SetWriteDeadline(time.Now().Add(closeTimeout))
	})
	back := make(chan struct{})
	go func() {
		defer close(back)
		s.toClient(stream, c)
	}()
	if _, err := stream.WriteTo(c); err == nil {
		c.closeWrite()
	} else {
		stream.Discard() // the container reads no more, but may have sent something
	}
	<-back
	if errno := c.failed.Load(); errno != 0 {
		stream.Reset(int(errno))
	} else {
		stream.Close()
	}
	c.close()
}

// toClient passes on what the container sends, and its end.
func (s *server) toClient(stream *streams.Stream, c *conn) {
	for {
		room, err := stream.Room()
		if err != nil {
			return
		}
		buf, n, err := c.read(s, room)
		if n > 0 {
			_, err = stream.WriteBuffer(buf, n)
		} else if buf != nil && err == nil {
			if c.wasReset() {
				c.keep(unix.ECONNRESET)
			} else {
				_ = stream.CloseWrite()
			}
		} else {
			c.keep(err)
		}
		if buf != nil {
			s.buffers.Put(buf)
		}
		if err != nil || n <= 0 {
			if c.failed.Load() != 0 {
				stream.Reset(int(c.failed.Load()))
			}
			return
		}
	}
}

// relayPackets passes packets on until the client has ended the stream.
func (s *server) relayPackets(stream *streams.Stream, c *conn) {
	stream.OnOver(func(bool) { c.file.Close() })
	back := make(chan struct{})
	go func() {
		defer close(back)
		for {
			buf, n, err := c.read(s, streams.MaxData)
			if err == nil {
				_, err = stream.Write(buf.Data()[:n])
			} else if errno, ok := errors.AsType[unix.Errno](err); ok {
				stream.Notice(int(errno)) // an ICMP message
				err = nil
			}
			if buf != nil {
				s.buffers.Put(buf)
			}
			if err != nil {
				return
			}
		}
	}()
	// That a packet can't be sent does not end the others.
	_, _ = stream.WriteTo(writerFunc(func(b []byte) (int, error) {
		err := c.send(b)
		if errno, ok := errors.AsType[unix.Errno](err); ok {
			stream.Notice(int(errno))
			err = nil
		}
		return len(b), err
	}))
	stream.Close()
	c.file.Close()
	<-back
}

// writerFunc is an io.Writer. A struct with the stream in it would make the helper 200 KB larger: the linker keeps all
// methods of all types that an interface may hold, time.Time's too.
type writerFunc func(b []byte) (int, error)

func (f writerFunc) Write(b []byte) (int, error) { return f(b) }
