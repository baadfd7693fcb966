// Package attached is the client's side of streams (package frame/streams) over the one connection to a helper: in a
// container of the engine, or beside this process.
package attached

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/nsjoin/docker-nsjoin/pkg/frame"
	"github.com/nsjoin/docker-nsjoin/pkg/frame/streams"
)

// ErrHelperEnded says that the helper has ended, for an unknown reason.
var ErrHelperEnded = errors.New("the helper has ended")

// Stdio is the standard streams of a helper.
type Stdio interface {
	io.Writer          // its standard input
	CloseWrite() error // ends its standard input
	Close()            // hangs up
	// Output copies its output until it ends.
	Output(stdout, stderr io.Writer) error
}

// Connection is a connection to a helper that serves streams.
type Connection struct {
	Mux *streams.Mux

	helper   Stdio
	received *frame.Receiver
	ended    chan struct{} // closed when the helper's output has ended
}

// Connect waits until a helper serves. messages receives what the helper writes to standard error. budget is how many
// bytes may wait here beyond the first credit of each stream; 0 for that of package streams. If the helper has ended
// instead, the error is ErrHelperEnded, and AwaitEnd tells its exit status.
func Connect(ctx context.Context, helper Stdio, messages io.Writer, budget int) (*Connection, error) {
	c := &Connection{helper: helper, ended: make(chan struct{})}
	c.Mux = streams.New(streams.Config{Role: streams.Client, To: helper, Budget: budget})
	c.received = frame.NewReceiver(c.Mux, messages, func(int64) {})
	go func() {
		defer close(c.ended)
		err := helper.Output(c.received.Stdout(), c.received.Stderr())
		_ = c.received.Close()
		if err == nil {
			err = ErrHelperEnded
		}
		c.Mux.End(err)
	}()
	go func() {
		select {
		case <-c.received.Ended(): // the engine reports its end a little later
			c.Mux.End(ErrHelperEnded)
		case <-c.Mux.Done():
		}
	}()
	select {
	case <-c.Mux.Hello():
		return c, nil
	case <-c.Mux.Done():
		select {
		case <-c.Mux.Hello(): // it has served, and Err says why it does no more
			return c, nil
		default:
		}
		c.hangUp()
		return c, c.Mux.Err()
	case <-ctx.Done():
		c.Mux.End(ctx.Err())
		c.hangUp()
		return c, ctx.Err()
	}
}

// AwaitEnd is that of a frame.Receiver, for the helper of a connection that has ended.
func (c *Connection) AwaitEnd(h frame.Ender, giveUp <-chan struct{}) frame.Ending {
	return c.received.AwaitEnd(h, giveUp)
}

// Close ends the helper. What was written to streams that were closed is delivered, if that takes no longer than
// a few seconds.
func (c *Connection) Close() error {
	const timeout = 5 * time.Second
	late := time.AfterFunc(timeout, func() {
		c.Mux.End(streams.ErrClosed)
		c.helper.Close()
	})
	defer late.Stop()
	c.Mux.Wait()
	if c.Mux.Err() == nil {
		_ = c.helper.CloseWrite()
		select {
		case <-c.ended:
		case <-c.Mux.Done():
		}
	}
	c.HangUp()
	return nil
}

// HangUp ends the connection at once: the helper ends whatever it does for this client.
func (c *Connection) HangUp() {
	c.Mux.End(streams.ErrClosed)
	c.hangUp()
}

// hangUp closes the connection and waits until nothing reads from it.
func (c *Connection) hangUp() {
	c.helper.Close()
	<-c.ended
}
