package attach

import (
	"bytes"
	"context"
	"io"
	"slices"
	"sync/atomic"
	"time"

	"github.com/nsjoin/docker-nsjoin/pkg/engine"
)

// output writes what the command writes to one of the caller's streams. If nobody reads that any more,
// the command is told, as by a pipe of its own.
type output struct {
	to       io.Writer
	unread   func()       // called once when nobody reads
	rawLines bool         // the text is the helper's messages, and the terminal is raw
	since    atomic.Int64 // when the write that is under way began, in nanoseconds since 1970; 0 for none
	closed   bool
	lost     error // why output was lost; nil if its reader left
}

// Write never fails: what cannot be written is dropped, so that the engine does not wait.
func (o *output) Write(b []byte) (int, error) {
	if !o.closed {
		text := b
		if o.rawLines {
			text = bytes.ReplaceAll(b, []byte("\n"), []byte("\r\n"))
		}
		o.since.Store(time.Now().UnixNano())
		_, err := o.to.Write(text)
		o.since.Store(0)
		if err != nil {
			o.closed = true
			if !isBrokenPipe(err) {
				o.lost = err
			}
			go o.unread() // it may wait until the command reads
		}
	}
	return len(b), nil
}

// stuckAfter is how long a write to the caller's stream may take before it counts as stuck, once the
// command was to end.
const stuckAfter = 3 * time.Second

// isStuck tells whether a write waits for a reader, which may be stopped.
func (o *output) isStuck() bool {
	since := o.since.Load()
	return since != 0 && time.Since(time.Unix(0, since)) > stuckAfter
}

// leaveReader closes the connection when the helper has ended and nobody reads its output any more.
// Until the output was read, the engine keeps the helper's container and does not report its end. It is
// called when the command was to end, and returns when there is nothing more to do.
func (c *Client) leaveReader(h *engine.Helper, ended <-chan struct{}) {
	looks := time.NewTicker(time.Second)
	defer looks.Stop()
	for {
		select {
		case <-ended:
			return
		case <-looks.C:
		}
		if slices.ContainsFunc(c.outputs[:], (*output).isStuck) && c.helperHasEnded(h.ID()) {
			h.Close()
			return
		}
	}
}

// helperHasEnded asks the engine.
func (c *Client) helperHasEnded(id string) bool {
	ctx, cancel := context.WithTimeout(context.Background(), stuckAfter)
	defer cancel()
	return c.connection.Ended(ctx, id)
}
