package attach

import (
	"context"
	"os"
	"time"

	"github.com/nsjoin/docker-nsjoin/pkg/frame"
)

// notify sends what is not data: the terminal's size, signals, and that the client is alive.
func (c *Client) notify(ctx context.Context, frames *frame.Writer, h Helper, signals <-chan os.Signal, ended <-chan struct{}) {
	alive := time.NewTicker(frame.Interval)
	defer alive.Stop()
	var resized <-chan struct{}
	if c.streams.Terminal {
		changes, stop := watchSize(c.terminal.size)
		defer stop()
		resized = changes
	}
	const interval = 250 * time.Millisecond
	closed := ctx.Done()
	var polls *time.Ticker
	var orphaned <-chan time.Time
	for {
		// An error of sending is that of a helper that has ended. Its output may still be written, which a signal ends.
		select {
		case <-ended:
			return
		case <-alive.C:
			_ = frames.Alive()
		case <-resized:
			_ = frames.Size(c.terminal.size())
		case s := <-signals:
			c.pass(frames, s)
			if endsProcess(s) && c.askToEnd(h, ended) {
				return
			}
		case <-c.interrupted:
			if c.askToEnd(h, ended) {
				return
			}
		case <-closed:
			closed = nil
			c.endedByCLI(frames)
			if c.askToEnd(h, ended) {
				return
			}
			polls = time.NewTicker(interval)
			defer polls.Stop()
			orphaned = polls.C
		case <-orphaned:
			if c.cliGone() {
				c.leaveOutput(h)
				return
			}
		}
	}
}

// pass passes a signal on. A resize of a terminal is sent as its size.
func (c *Client) pass(frames *frame.Writer, s os.Signal) {
	number, ok := onLinux(s)
	if ok && endsProcess(s) {
		c.endedBy.Store(int32(number))
	}
	if ok && (number != sigwinch || !c.streams.Terminal) {
		_ = frames.Signal(number)
	}
}

// endedByCLI is called when the Docker CLI has closed its socket. Either the CLI got a signal, and has
// no terminal that would have sent it to the plugin as well, or it has ended, and nobody waits for the
// command.
func (c *Client) endedByCLI(frames *frame.Writer) {
	const moment = 20 * time.Millisecond // a CLI that dies closes its socket a little earlier
	if time.Sleep(moment); !c.cliGone() {
		_ = frames.Signal(sigterm)
	}
}
