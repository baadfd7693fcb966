package attach

import (
	"io"
	"os"
	"sync"

	"github.com/nsjoin/docker-nsjoin/pkg/frame"
)

// input sends the caller's standard input to the command, at most frame.Window ahead of what the helper
// has passed on: a signal must not wait behind it.
type input struct {
	from    io.Reader
	frames  *frame.Writer
	observe func([]byte) // if not nil, called with what is about to be sent

	mu      sync.Mutex
	changed sync.Cond
	read    int64 // from the caller's file, in bytes
	passed  int64 // on to the command, in bytes
	stopped bool
	done    chan struct{} // closed when nothing more is sent; nil if nothing was
}

func newInput(from io.Reader, frames *frame.Writer) *input {
	i := &input{from: from, frames: frames}
	i.changed.L = &i.mu
	return i
}

// start begins to send, until the end of the input or of the helper.
func (i *input) start() {
	i.done = make(chan struct{})
	go func() {
		defer close(i.done)
		var buf frame.Buffer
		for i.mayRead() {
			n, err := i.from.Read(buf.Payload())
			i.mu.Lock()
			i.read += int64(n)
			i.mu.Unlock()
			if n > 0 && i.observe != nil {
				i.observe(buf.Payload()[:n])
			}
			if n > 0 {
				if err := i.frames.WriteBuffer(&buf, n); err != nil {
					return
				}
			}
			if err != nil {
				_ = i.frames.End()
				return
			}
		}
	}()
}

// mayRead waits until more may be sent. It returns false if sending has stopped.
func (i *input) mayRead() bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	for i.read-i.passed > frame.Window-frame.MaxSize && !i.stopped {
		i.changed.Wait()
	}
	return !i.stopped
}

// consumed takes the helper's count of bytes that it has passed on.
func (i *input) consumed(total int64) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.passed = total
	i.changed.Signal()
}

// giveBack sets the offset of the caller's file back to where the command stopped reading, so that its
// next reader goes on there. The helper has reported how far that was, and is gone.
func (i *input) giveBack(file *os.File) {
	i.mu.Lock()
	i.stopped = true
	i.changed.Signal()
	i.mu.Unlock()
	if i.done == nil {
		return
	}
	<-i.done
	if back := i.read - i.passed; back > 0 && i.passed >= 0 {
		_, _ = file.Seek(-back, io.SeekCurrent)
	}
}
