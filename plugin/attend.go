package main

import (
	"bytes"
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

	"github.com/nsjoin/docker-nsjoin/pkg/engine"
	"github.com/nsjoin/docker-nsjoin/pkg/exit"
	"github.com/nsjoin/docker-nsjoin/pkg/frame"
	"github.com/nsjoin/docker-nsjoin/pkg/plan"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

// client is the caller's side of a command whose helper is in a container.
type client struct {
	parent         parent
	connection     *engine.Connection
	request        *request.Request
	stdin          io.Reader
	stdout, stderr io.Writer
	terminal       uintptr // the descriptor of standard input
	streams        plan.Streams
	raw            bool // it is a terminal, and what is typed there is the command's

	begun   chan struct{} // closed when the helper reads its frames
	once    sync.Once     // of begun
	unheard chan struct{} // closed when it is given up
	urged   bool
	// interrupted is told of ctrl-c that is typed at a raw terminal before the helper reads, and when
	// there was time enough since the command was to end.
	interrupted chan struct{}

	outlets   [2]*outlet
	toldToEnd sync.Once
}

// attend passes on what the command reads, writes and is told, until it ends, and
// returns its exit status. When ctx ends, the Docker CLI closed its socket.
func (c *client) attend(ctx context.Context, h *engine.Helper, signals <-chan os.Signal) (int, error) {
	defer h.Close()
	if c.raw {
		defer startKeeper(os.Stdin)()
		restore, err := c.makeRaw()
		if err != nil {
			return 0, err
		}
		defer restore()
	}
	frames := frame.NewWriter(h)
	ended := make(chan struct{})
	defer close(ended)
	c.begun, c.unheard, c.interrupted = make(chan struct{}), make(chan struct{}), make(chan struct{}, 1)
	unread := func(stream int) func() { return func() { _ = frames.OutputClosed(stream) } }
	_, isTerminal := term.GetFdInfo(c.stderr)
	c.outlets = [2]*outlet{{to: c.stdout, failed: unread(1)}, {to: c.stderr, failed: unread(2), lines: c.raw && isTerminal}}
	go c.tell(ctx, frames, h, signals, ended)
	in := newInlet(c.stdin, frames)
	if c.raw {
		in.sees = c.seesKeys
	}
	// Nothing is sent of the null device, not its end either: one that comes when the helper has ended
	// already makes Podman's service write an error of its own among the output.
	if c.request.DryRun == request.OutputNone && c.streams.Input && !c.request.Client.Null[0] {
		in.start()
	}
	written := make(chan error, 1)
	errs := &frame.Splitter{Data: c.outlets[1], Consumed: func(total int64) {
		c.once.Do(func() { close(c.begun) })
		in.consumed(total)
	}}
	go func() {
		err := h.Output(c.outlets[0], errs)
		_ = errs.Close()
		written <- err
	}()
	status, err := c.wait(h)
	if err != nil {
		return 0, err
	}
	// The engine has all that was written; a process that the command left may hold
	// its streams open.
	const patience = 2 * time.Second
	select {
	case err = <-written:
	case <-time.After(patience):
		return status, nil
	}
	if c.request.Client.InputFile {
		h.Close() // nothing is sent any more
		in.giveBack(os.Stdin)
	}
	if errors.Is(err, syscall.ECONNRESET) || errors.Is(err, net.ErrClosed) {
		// So ends what Podman's service had more input for; the output was read before. Or it is we
		// who hung up, for a client that is gone.
		err = nil
	}
	for _, o := range c.outlets {
		if err == nil && o.lost != nil {
			err = exit.WithStatus(cmp.Or(status, exit.Failed), fmt.Errorf("output of the command: %w", o.lost))
		}
	}
	return status, err
}

// unheardFor is how long a signal to end waits for a helper that does not read its frames yet.
const unheardFor = 3 * time.Second

// wait waits for the helper's end, or until the caller gives it up: what it reads of the container
// may be on a mount that never answers.
func (c *client) wait(h *engine.Helper) (int, error) {
	type end struct {
		status int
		err    error
	}
	ended := make(chan end, 1)
	go func() {
		status, err := h.Wait()
		ended <- end{status, err}
	}()
	select {
	case e := <-ended:
		return e.status, e.err
	case <-c.unheard:
		return 0, exit.Hint(errors.New("interrupted before the command ran"),
			"its helper did not answer and is left to end by itself: docker ps --filter id=%.12s", h.ID())
	}
}

// seesKeys looks for ctrl-c and ctrl-\ in what is typed as long as nobody else does.
func (c *client) seesKeys(typed []byte) {
	if c.hasBegun() || !bytes.ContainsAny(typed, "\x03\x1c") {
		return
	}
	c.interrupt()
}

func (c *client) interrupt() {
	select {
	case c.interrupted <- struct{}{}:
	default:
	}
}

// urge is called when the command is to end. A helper that does not read its frames by then is given
// unheardFor, or until the next call, and then given up: that is told.
func (c *client) urge(h *engine.Helper, ended <-chan struct{}) (given bool) {
	c.toldToEnd.Do(func() { go c.leaveReader(h, ended) })
	switch {
	case c.hasBegun():
		return false
	case !c.urged:
		c.urged = true
		time.AfterFunc(unheardFor, c.interrupt)
		return false
	}
	h.Close()
	close(c.unheard)
	return true
}

// pass passes a signal on. A resize of a terminal goes another way.
func (c *client) pass(frames *frame.Writer, s os.Signal) error {
	if number, ok := onLinux(s); ok && (number != sigwinch || !c.streams.Terminal) {
		return frames.Signal(number)
	}
	return nil
}

// hasBegun tells whether the helper reads its frames.
func (c *client) hasBegun() bool {
	select {
	case <-c.begun:
		return true
	default:
		return false
	}
}

// outlet writes to the caller's stream. Where that fails nobody reads, and the
// command is told as by a pipe of its own.
type outlet struct {
	to     io.Writer
	failed func()
	lines  bool         // it is of lines, and a raw terminal's: the helper's messages
	since  atomic.Int64 // when the write that goes on began, in nanoseconds since 1970; 0 for none
	closed bool
	lost   error // why what was written is lost; nil where the reader left
}

func (o *outlet) Write(b []byte) (int, error) {
	if !o.closed {
		text := b
		if o.lines {
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
			go o.failed() // it may wait for the command to read
		}
	}
	return len(b), nil // the rest is drained, for the engine not to wait
}

// tell sends what isn't data: the terminal's size, signals, and that we are there.
func (c *client) tell(ctx context.Context, frames *frame.Writer, h *engine.Helper, signals <-chan os.Signal, ended <-chan struct{}) {
	alive := time.NewTicker(frame.Interval)
	defer alive.Stop()
	var resized <-chan struct{}
	if c.streams.Terminal {
		changes, stop := watchSize(c.size)
		defer stop()
		resized = changes
	}
	const interval = 250 * time.Millisecond
	closed := ctx.Done()
	var polls *time.Ticker
	var orphaned <-chan time.Time
	for {
		var err error
		select {
		case <-ended:
			return
		case <-alive.C:
			err = frames.Alive()
		case <-resized:
			err = frames.Size(c.size())
		case s := <-signals:
			err = c.pass(frames, s)
			if endsProcess(s) && c.urge(h, ended) {
				return
			}
		case <-c.interrupted:
			if c.urge(h, ended) {
				return
			}
		case <-closed:
			closed = nil
			err = c.endedByCLI(frames)
			if c.urge(h, ended) {
				return
			}
			polls = time.NewTicker(interval)
			defer polls.Stop()
			orphaned = polls.C
		case <-orphaned:
			if c.parent.gone() {
				h.Close()
				return
			}
		}
		if err != nil {
			return // the stream's end is seen elsewhere
		}
	}
}

// endedByCLI is called when the Docker CLI has closed its socket. It got a signal, and there is no
// terminal that would have sent it to us as well; or it has ended, and nobody wants the command.
func (c *client) endedByCLI(frames *frame.Writer) error {
	const moment = 20 * time.Millisecond // by which the socket of a CLI that dies is closed before
	if time.Sleep(moment); c.parent.gone() {
		return nil
	}
	return frames.Signal(sigterm)
}

// makeRaw has the terminal pass every key on.
func (c *client) makeRaw() (restore func(), err error) {
	before, err := term.SetRawTerminal(c.terminal)
	if err != nil {
		return nil, err
	}
	out, isTerminal := term.GetFdInfo(c.stdout)
	if !isTerminal {
		return func() { _ = term.RestoreTerminal(c.terminal, before) }, nil
	}
	outBefore, err := term.SetRawTerminalOutput(out) // does something on Windows only
	if err != nil {
		_ = term.RestoreTerminal(c.terminal, before)
		return nil, err
	}
	return func() {
		if outBefore != nil {
			_ = term.RestoreTerminal(out, outBefore)
		}
		_ = term.RestoreTerminal(c.terminal, before)
	}, nil
}

// size is that of the caller's terminal; 0 where it isn't known.
func (c *client) size() (rows, columns uint16) {
	out, _ := term.GetFdInfo(c.stdout)
	for _, fd := range []uintptr{out, c.terminal} {
		if size, err := term.GetWinsize(fd); err == nil && size.Height > 0 {
			return size.Height, size.Width
		}
	}
	return 0, 0
}
