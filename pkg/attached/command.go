package attached

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"sync"
	"time"

	"github.com/nsjoin/docker-nsjoin/pkg/frame"
	"github.com/nsjoin/docker-nsjoin/pkg/frame/streams"
)

// Command is a helper that the multiplexer at the other end has started for one command.
type Command struct {
	mux    *streams.Mux
	stream *streams.Stream
	ended  chan struct{} // closed when it has ended
	once   sync.Once
	status uint32 // wait status of Linux
	err    error  // why there is none
}

// Begin has the multiplexer start a helper with no more than capabilities, bit N for number N, and sends the frames that
// the helper reads first. It does not wait for the answer: Wait returns the error if no helper was started.
func (c *Connection) Begin(ctx context.Context, capabilities uint64, first []byte) (*Command, error) {
	s, err := c.Mux.Open(streams.Command, strconv.FormatUint(capabilities, 16))
	if err != nil {
		return nil, fmt.Errorf("start helper: %w", err)
	}
	stop := context.AfterFunc(ctx, func() { s.Reset(0) })
	_, err = s.Write(first)
	if !stop() {
		err = ctx.Err()
	}
	if err != nil {
		s.Close()
		return nil, fmt.Errorf("send the request to the helper: %w", err)
	}
	return &Command{mux: c.Mux, stream: s, ended: make(chan struct{})}, nil
}

// Write writes to the helper's standard input; io.Writer.
func (c *Command) Write(b []byte) (int, error) { return c.stream.Write(b) }

// Output copies the output of the helper and its command until they end. It writes to one of the two at a time.
func (c *Command) Output(stdout, stderr io.Writer) error {
	status, err := frame.SplitOutput(c.stream, stdout, stderr)
	c.once.Do(func() {
		c.status, c.err = status, err
		close(c.ended)
	})
	c.stream.Close()
	return err
}

// Wait waits until Output has ended, and returns the helper's exit status.
func (c *Command) Wait() (int, error) {
	<-c.ended
	const signal, exited = 0x7f, 8 // wait(2) of Linux: the signal's bits, and where the exit status begins
	refused, ended := errors.AsType[*streams.EndedError](c.err)
	switch {
	case ended && refused.Text != "":
		return 0, fmt.Errorf("start helper: %w", c.err)
	case c.err != nil:
		return 0, c.lost()
	case c.status&signal != 0:
		return 0, fmt.Errorf("the helper was killed by signal %d", c.status&signal)
	}
	return int(c.status >> exited & 0xff), nil
}

var errLost = errors.New("connection to the helper lost")

// lost returns why the connection has ended.
func (c *Command) lost() error {
	why, said := c.mux.WhyGone()
	switch {
	case said && why != "":
		return fmt.Errorf("%w: %s", errLost, why)
	case said || errors.Is(c.err, ErrHelperEnded):
		return errLost // the process at the other end has ended, or something in between
	}
	return fmt.Errorf("%w: %w", errLost, c.err)
}

// MayLeave reports that this process need not wait for the helper's end once that has reported its exit status.
func (c *Command) MayLeave() bool { return true }

// Close hangs up: it ends the helper's standard input at once. What was written and the helper has not read may be lost, and
// a Write that waits fails. The end of the command's input is a frame (see package frame).
func (c *Command) Close() {
	c.stream.SetWriteDeadline(time.Now())
	_ = c.stream.CloseWrite()
}
