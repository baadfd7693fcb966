//go:build linux

package session

import (
	"os"
	"sync"
	"time"

	"github.com/nsjoin/docker-nsjoin/pkg/frame"
)

// queue holds input that the command has not read yet, so that signals and the caller's hangup
// do not wait behind it. Flow control (frame.Window) bounds its size.
type queue struct {
	mu      sync.Mutex
	changed sync.Cond
	data    []byte
	written int64 // in bytes
	ended   bool  // nothing is added any more
	closed  bool  // nobody reads
	to      *os.File
	done    chan struct{} // closed when nothing is written any more
}

func newQueue() *queue {
	q := &queue{done: make(chan struct{})}
	q.changed.L = &q.mu
	return q
}

// add appends data. It returns false if the caller sent more than the window allows.
func (q *queue) add(data []byte) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed || q.ended {
		return true
	}
	q.data = append(q.data, data...)
	q.changed.Signal()
	return len(q.data) <= frame.Window
}

func (q *queue) end() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.ended = true
	q.changed.Signal()
}

// allConsumed is reported when the command has closed its input: whatever follows is dropped.
const allConsumed = 1 << 62

// drainTo writes the queue to the file until the queue ends, and closes the file. It calls
// consumed with the total, in bytes, often enough to keep the window open.
func (q *queue) drainTo(to *os.File, consumed func(total int64)) {
	defer close(q.done)
	defer to.Close()
	reported := int64(0)
	for chunk := q.next(to); len(chunk) > 0; chunk = q.next(to) {
		n, err := to.Write(chunk)
		written, stopped := q.advance(n, err)
		switch {
		case stopped:
			return
		case err != nil:
			consumed(allConsumed)
			return
		case written-reported >= frame.Window/4:
			reported = written
			consumed(written)
		}
	}
}

// next waits for the next bytes to write. It returns none at the end.
func (q *queue) next(to *os.File) []byte {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.to = to
	for len(q.data) == 0 && !q.ended && !q.closed {
		q.changed.Wait()
	}
	if q.closed {
		return nil
	}
	return q.data[:min(len(q.data), moveSize)]
}

// advance drops the n bytes that were written. err means that nobody reads any more.
func (q *queue) advance(n int, err error) (written int64, stopped bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.written += int64(n)
	q.data = q.data[n:]
	stopped = q.closed
	if err != nil {
		q.closed, q.data = true, nil
	}
	return q.written, stopped
}

// stop stops writing and returns how many bytes were written.
func (q *queue) stop() int64 {
	q.mu.Lock()
	q.closed = true
	q.changed.Signal()
	to := q.to
	q.mu.Unlock()
	if to != nil {
		_ = to.SetWriteDeadline(time.Now())
		<-q.done
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.written
}
