//go:build linux

package session

import (
	"errors"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/frame"
	"github.com/nsjoin/docker-nsjoin/pkg/stdio"
)

// queue passes input on to the command. What the command has no room for is held, so that signals and the caller's
// hangup do not wait behind it. Flow control (frame.Window) bounds its size.
type queue struct {
	to     *os.File // a pipe that does not block
	window int64    // in bytes: of the client's flow control
	done   chan struct{}

	mu       sync.Mutex
	changed  sync.Cond
	chunks   []*chunk // held; none is empty
	spare    *chunk   // to use again
	held     int      // bytes in chunks
	written  int64    // in bytes
	reported int64    // in bytes
	ended    bool     // nothing more is added
	closed   bool     // nothing more is written
	broken   bool     // since the reader is gone
	draining bool
}

// chunk is a part of what is held. The first bytes of it are written already.
type chunk struct {
	bytes   []byte
	written int
}

// newQueue returns a queue to a pipe, which the queue closes. window is that of the client.
func newQueue(to *os.File, window int64) *queue {
	q := &queue{to: to, window: window, done: make(chan struct{})}
	q.changed.L = &q.mu
	return q
}

// add writes data, or holds what cannot be written at once. It returns false if the caller sent more than the window
// allows. It never waits.
func (q *queue) add(data []byte) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed || q.ended {
		return true
	}
	if len(q.chunks) == 0 {
		n, err := writeNow(q.to, data)
		if q.advance(n, err); q.closed {
			return true
		}
		data = data[n:]
	}
	q.hold(data)
	return q.held <= frame.Window
}

// writeNow writes what a pipe has room for.
func writeNow(to *os.File, data []byte) (n int, err error) {
	if failed := stdio.WithFD(to, func(fd int) { n, err = unix.Write(fd, data) }); failed != nil {
		return 0, failed
	}
	if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EINTR) {
		err = nil
	}
	return max(n, 0), err
}

// hold appends data to the chunks.
func (q *queue) hold(data []byte) {
	q.held += len(data)
	for len(data) > 0 {
		last := len(q.chunks) - 1
		if last < 0 || len(q.chunks[last].bytes) == moveSize {
			q.chunks = append(q.chunks, q.newChunk())
			q.changed.Signal()
			continue
		}
		c := q.chunks[last]
		n := min(len(data), moveSize-len(c.bytes))
		c.bytes, data = append(c.bytes, data[:n]...), data[n:]
	}
}

func (q *queue) newChunk() *chunk {
	c := q.spare
	if q.spare = nil; c == nil {
		c = &chunk{bytes: make([]byte, 0, moveSize)}
	}
	return c
}

// advance counts n bytes that were written. A non-nil err means that the reader is gone.
func (q *queue) advance(n int, err error) {
	q.written += int64(n)
	if err != nil && !q.closed {
		q.closed, q.broken = true, true
	}
	if q.mustReport() || q.closed {
		q.changed.Signal()
	}
}

// mustReport reports whether the client has to learn what was written, to keep the window open.
func (q *queue) mustReport() bool { return q.written-q.reported >= q.window/4 }

// end says that nothing more is added.
func (q *queue) end() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.ended = true
	q.changed.Signal()
}

// allConsumed is reported when the command has closed its input: whatever follows is dropped.
const allConsumed = 1 << 62

// drain writes what is held until the queue ends, and closes the pipe. It calls consumed, which may wait, with the
// total of what was written, in bytes, often enough to keep the window open.
func (q *queue) drain(consumed func(total int64)) {
	q.mu.Lock()
	q.draining = true
	for !q.closed && (len(q.chunks) > 0 || !q.ended) {
		switch {
		case q.mustReport():
			q.reported = q.written
			q.mu.Unlock()
			consumed(q.reported)
			q.mu.Lock()
		case len(q.chunks) > 0:
			q.writeChunk()
		default:
			q.changed.Wait()
		}
	}
	broken := q.broken
	q.chunks = nil
	q.mu.Unlock()
	q.to.Close()
	if broken {
		consumed(allConsumed)
	}
	close(q.done)
}

// writeChunk writes the first chunk. The queue is not locked meanwhile.
func (q *queue) writeChunk() {
	c := q.chunks[0]
	rest := c.bytes[c.written:]
	q.mu.Unlock()
	n, err := q.to.Write(rest)
	q.mu.Lock()
	c.written += n
	q.held -= n
	if c.written == len(c.bytes) {
		q.chunks = q.chunks[1:]
		c.bytes, c.written = c.bytes[:0], 0
		q.spare = c
	}
	q.advance(n, err)
}

// stop stops writing and returns how many bytes were written.
func (q *queue) stop() int64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.changed.Signal()
	if q.draining {
		q.mu.Unlock()
		_ = q.to.SetWriteDeadline(time.Now())
		<-q.done
		q.mu.Lock()
	}
	return q.written
}
