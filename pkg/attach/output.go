package attach

import (
	"bytes"
	"context"
	"io"
	"slices"
	"sync/atomic"
	"time"

	"github.com/nsjoin/docker-nsjoin/pkg/stdio"
)

// output writes the command's output to one of the caller's streams. If that has lost its reader, the
// command is notified, as a pipe would do.
type output struct {
	to       io.Writer
	unread   func()       // called once, when a write has failed
	rawLines bool         // the text is the helper's messages, and the terminal is raw
	since    atomic.Int64 // when the current write began, in nanoseconds since 1970; 0 if there is none
	writes   atomic.Int64 // beginnings and ends of writes: the number is odd during one
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
		if err := o.writeParts(text); err != nil {
			o.closed = true
			if !stdio.IsBrokenPipe(err) {
				o.lost = err
			}
			go o.unread() // may block until the command reads its input
		}
	}
	return len(b), nil
}

// largestWrite is how much is written at once: a reader that takes it within stuckAfter is slow, but does not count as stuck.
const largestWrite = 32 << 10

func (o *output) writeParts(text []byte) error {
	for len(text) > 0 {
		part := text[:min(len(text), largestWrite)]
		text = text[len(part):]
		o.since.Store(time.Now().UnixNano())
		o.writes.Add(1)
		_, err := o.to.Write(part)
		o.writes.Add(1)
		o.since.Store(0)
		if err != nil {
			return err
		}
	}
	return nil
}

// stuckAfter is how long a write to the caller's stream may take, once the command is to end, before it
// counts as stuck.
const stuckAfter = 3 * time.Second

// isStuck reports whether a write has been waiting for longer than stuckAfter. Its reader may be stopped.
func (o *output) isStuck() bool {
	since := o.since.Load()
	return since != 0 && time.Since(time.Unix(0, since)) > stuckAfter
}

// leaveReader closes the connection if the helper has ended but its output is not read: until it is, the
// engine keeps the helper's container and does not report its end. It is called when the command is to
// end, and returns once the connection is closed or the engine has reported the end.
func (c *Client) leaveReader(h Helper, ended <-chan struct{}) {
	looks := time.NewTicker(time.Second)
	defer looks.Stop()
	for {
		select {
		case <-ended:
			return
		case <-looks.C:
		}
		if slices.ContainsFunc(c.outputs[:], (*output).isStuck) && c.helperHasEnded(h) {
			c.leaveOutput(h)
			return
		}
	}
}

// leaveOutput closes the connection, and gives up what is not read.
func (c *Client) leaveOutput(h Helper) {
	h.Close()
	c.leave.Do(func() { close(c.left) })
}

// idleAfter is how long nothing may come once the helper has ended, before nothing more is expected.
const idleAfter = 5 * time.Second

// awaitOutput waits until all output is written. The engine has all of it by now, but its reader may take any time. And a
// process that the command left may hold the streams open: they are left once nothing has come for a while. complete is
// false then, and if the output is given up.
func (c *Client) awaitOutput(written <-chan error) (complete bool, err error) {
	looks := time.NewTicker(idleAfter)
	defer looks.Stop()
	count := func() [2]int64 { return [2]int64{c.outputs[0].writes.Load(), c.outputs[1].writes.Load()} }
	for before := count(); ; {
		select {
		case <-c.received.Ended():
			return true, nil
		case err := <-written:
			return true, err
		case <-c.left:
			return false, nil
		case <-looks.C:
		}
		now := count()
		if now == before && now[0]%2 == 0 && now[1]%2 == 0 {
			return false, nil
		}
		before = now
	}
}

// helperHasEnded asks, not for long, whether the helper has ended.
func (c *Client) helperHasEnded(h Helper) bool {
	ctx, cancel := context.WithTimeout(context.Background(), stuckAfter)
	defer cancel()
	return h.HasEnded(ctx)
}
