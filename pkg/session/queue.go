//go:build linux

package session

import (
	"os"
	"sync"
	"time"

	"github.com/nsjoin/docker-nsjoin/pkg/frame"
)

// queue holds what the command has yet to read, so that no signal and not the caller's end
// waits behind it. The caller bounds it by what it was told to be consumed.
type queue struct {
	mu      sync.Mutex
	changed sync.Cond
	data    []byte
	passed  int64 // in bytes
	ended   bool  // nothing is added any more
	closed  bool  // nobody reads
	to      *os.File
	done    chan struct{} // closed when nothing is passed on any more
}

func newQueue() *queue {
	q := &queue{done: make(chan struct{})}
	q.changed.L = &q.mu
	return q
}

// add adds data. It fails where there is more than the window allows.
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

// unbounded is told as consumed where nobody reads: what more comes is dropped.
const unbounded = 1 << 62

// drainTo writes what was added, until the end, and closes to. consumed is told how much
// that was, often enough for the window not to close.
func (q *queue) drainTo(to *os.File, consumed func(total int64)) {
	defer close(q.done)
	defer to.Close()
	told := int64(0)
	for part := q.next(to); len(part) > 0; part = q.next(to) {
		n, err := to.Write(part)
		passed, stopped := q.wrote(n, err)
		switch {
		case stopped:
			return
		case err != nil:
			consumed(unbounded)
			return
		case passed-told >= frame.Window/4:
			told = passed
			consumed(passed)
		}
	}
}

// next waits for what is to be written to; it is empty where there is no more.
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

// wrote takes n bytes as written. An error is that of nobody reading.
func (q *queue) wrote(n int, err error) (passed int64, stopped bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.passed += int64(n)
	q.data = q.data[n:]
	stopped = q.closed
	if err != nil {
		q.closed, q.data = true, nil
	}
	return q.passed, stopped
}

// stop stops passing on and returns how much was, in bytes.
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
	return q.passed
}
