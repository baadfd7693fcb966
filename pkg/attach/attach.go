// Package attach connects the caller's terminal and streams to a command whose helper runs in a
// container of the engine, or beside this process: it is the client's side of the protocol of package frame.
package attach

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/moby/term"

	"github.com/nsjoin/docker-nsjoin/pkg/exit"
	"github.com/nsjoin/docker-nsjoin/pkg/frame"
	"github.com/nsjoin/docker-nsjoin/pkg/plan"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
	"github.com/nsjoin/docker-nsjoin/pkg/stdio"
)

// ErrInterrupted says that a signal ended the call before there was a command.
var ErrInterrupted = errors.New("interrupted before the command ran")

// Client is the caller's side of a command.
type Client struct {
	cliGone  func() bool
	request  *request.Request
	streams  plan.Streams // of the command
	stdin    io.Reader
	stdout   io.Writer
	stderr   io.Writer
	terminal terminal
	raw      bool // the terminal is raw: the command gets what is typed there
	outputs  [2]*output

	received *frame.Receiver
	begun    chan struct{} // closed when the helper reads its frames
	begin    sync.Once     // closes begun
	givenUp  chan struct{} // closed when the client no longer waits for the helper
	endedBy  atomic.Int32  // the terminating signal, or 0
	endAsked bool          // the command was to end before the helper read its frames
	// interrupted receives a value when ctrl-c is typed at a raw terminal before the helper reads its
	// frames, and when a helper that was to end has had time to begin.
	interrupted  chan struct{}
	watchReaders sync.Once
	left         chan struct{} // closed when output that is not read is given up
	leave        sync.Once     // closes left
}

// Helper is a helper that exchanges frames with this process.
type Helper interface {
	// Write writes to its standard input.
	io.Writer
	// Output copies what it writes until it ends.
	Output(stdout, stderr io.Writer) error
	// Wait waits until it has ended and returns its exit status. It is called once.
	Wait() (int, error)
	// MayLeave reports whether this process may end once the helper has reported its exit status.
	MayLeave() bool
	// Close hangs up: the helper ends its command.
	Close()
	// HasEnded reports whether it has ended, or its command has and it waits until its output is read.
	HasEnded(ctx context.Context) bool
	// GiveUp ends a helper, as far as that is possible, that has not begun its command and does not answer. Left says what
	// becomes of it; it may be "".
	GiveUp()
	Left() string
	// Patience is how long a terminating signal waits for a helper that does not read its frames yet.
	Patience() time.Duration
}

// NewClient makes the client of r, a resolved request, and describes the caller's streams to the helper
// in r.Client. cliGone reports whether the Docker CLI has ended.
func NewClient(r *request.Request, cliGone func() bool) (*Client, error) {
	c := &Client{request: r, cliGone: cliGone}
	c.stdin, c.stdout, c.stderr = term.StdStreams()
	c.terminal = terminalOf(c.stdin, c.stdout)
	r.Client = &request.Client{
		Streams: stdio.Streams(), Null: [3]bool{stdio.IsNull(os.Stdin), stdio.IsNull(os.Stdout), stdio.IsNull(os.Stderr)},
		InputFile: r.Interactive && stdio.IsRegular(os.Stdin), InputWaits: !r.Interactive && stdio.InputPending(),
	}
	var err error
	if c.streams, err = plan.DecideStreams(r, r.Client.Streams); err != nil {
		return nil, err
	}
	r.Client.OneOutput = !c.streams.Terminal && stdio.SameFile(os.Stdout, os.Stderr)
	c.raw = c.streams.Terminal && c.streams.Input
	if c.streams.Terminal {
		r.Client.Rows, r.Client.Columns = c.terminal.size()
	}
	return c, nil
}

// Run starts the helper and passes on the command's input, output and signals until it ends. It
// returns the command's exit status. The end of ctx means that the Docker CLI closed its socket.
func (c *Client) Run(ctx context.Context, start func(context.Context) (Helper, error)) (int, error) {
	signals, stop := takeSignals()
	defer stop()
	h, err := startUnlessInterrupted(ctx, signals, start)
	if err != nil {
		return 0, err
	}
	return c.attach(ctx, h, signals)
}

// startUnlessInterrupted starts the helper. A terminating signal ends that. If the helper has started nevertheless, the
// signal is one for the command.
func startUnlessInterrupted(ctx context.Context, signals chan os.Signal, start func(context.Context) (Helper, error)) (Helper, error) {
	ctx, interrupt := context.WithCancel(ctx)
	defer interrupt()
	started, early := make(chan struct{}), make(chan os.Signal, 1)
	go func() {
		defer close(early)
		for {
			select {
			case s := <-signals:
				if !endsProcess(s) {
					continue // a resize or a stop
				}
				early <- s
				interrupt()
			case <-started:
			}
			return
		}
	}()
	h, err := start(ctx)
	close(started)
	s, interrupted := <-early
	switch {
	case interrupted && err != nil:
		return nil, ErrInterrupted
	case interrupted:
		select {
		case signals <- s:
		default: // others wait to be passed on
		}
	}
	return h, err
}

// EndedBy returns the number of the terminating signal that came before the helper was given up; 0 if it was no signal.
func (c *Client) EndedBy() int { return int(c.endedBy.Load()) }

func (c *Client) attach(ctx context.Context, h Helper, signals <-chan os.Signal) (int, error) {
	defer h.Close()
	if c.raw {
		defer startKeeper(os.Stdin)()
		restore, err := c.terminal.makeRaw()
		if err != nil {
			return 0, fmt.Errorf("make the terminal raw: %w", err)
		}
		defer restore()
	}
	frames := frame.NewWriter(h)
	ended := make(chan struct{})
	defer close(ended)
	c.begun, c.givenUp, c.interrupted = make(chan struct{}), make(chan struct{}), make(chan struct{}, 1)
	c.left = make(chan struct{})
	_, messagesAtTerminal := term.GetFdInfo(c.stderr)
	unread := func(stream int) func() { return func() { _ = frames.OutputClosed(stream) } }
	c.outputs = [2]*output{{to: c.stdout, unread: unread(1)}, {to: c.stderr, unread: unread(2), rawLines: c.raw && messagesAtTerminal}}
	go c.notify(ctx, frames, h, signals, ended)
	in := newInput(c.stdin, frames)
	if c.raw {
		in.observe = c.watchKeys
	}
	// If standard input is the null device, nothing is sent, not even its end: if the helper has already
	// ended, Podman's service writes an error about that into the output.
	if c.request.DryRun == request.OutputNone && c.streams.Input && !c.request.Client.Null[0] {
		in.start()
	}
	written := make(chan error, 1)
	c.received = frame.NewReceiver(c.outputs[0], c.outputs[1], func(total int64) {
		c.begin.Do(func() { close(c.begun) })
		in.consumed(total)
	})
	go func() {
		err := h.Output(c.received.Stdout(), c.received.Stderr())
		_ = c.received.Close()
		written <- err
	}()
	status, err := c.wait(h)
	if err != nil {
		return 0, err
	}
	complete, err := c.awaitOutput(written)
	if !complete {
		return status, nil
	}
	if c.request.Client.InputFile {
		h.Close() // nothing more is sent
		in.giveBack(os.Stdin)
	}
	if errors.Is(err, syscall.ECONNRESET) || errors.Is(err, net.ErrClosed) {
		// Podman's service resets the connection if some input was not read, but only after all output has
		// been. Or the client itself closed the connection, because the caller is gone.
		err = nil
	}
	for _, o := range c.outputs {
		if err == nil && o.lost != nil {
			err = exit.WithStatus(cmp.Or(status, exit.Failed), fmt.Errorf("output of the command: %w", o.lost))
		}
	}
	return status, err
}
