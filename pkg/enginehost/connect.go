package enginehost

import (
	"bytes"
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"github.com/nsjoin/docker-nsjoin/pkg/attached"
	"github.com/nsjoin/docker-nsjoin/pkg/frame"
)

// server is a helper that serves streams.
type server interface {
	attached.Stdio
	frame.Ender
}

// connect waits until a helper serves. budget is that of package attached. If the helper has ended instead, the error is
// what it has reported.
func (h *Host) connect(ctx context.Context, helper server, budget int) (*attached.Connection, error) {
	messages := &heldMessages{}
	c, err := attached.Connect(ctx, helper, messages, budget)
	if err == nil {
		messages.passTo(h.Stderr)
		return c, nil
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	end := awaitEnd(c, helper)
	switch {
	case end.Err != nil:
		return nil, end.Err
	case end.GivenUp:
		return nil, errors.New("the engine does not say whether the helper has ended")
	case end.Status == 0 || messages.text.Len() == 0:
		return nil, err
	}
	return nil, h.cli.Name.ParseReport(messages.text.String(), end.Status)
}

// awaitEnd waits for a helper that has ended, or should, but not for long.
func awaitEnd(c *attached.Connection, helper server) frame.Ending {
	const timeout = 10 * time.Second
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	return c.AwaitEnd(helper, ctx.Done())
}

// heldMessages is what a helper writes to standard error. It is held back until the helper serves: before that, it is
// why the helper does not.
type heldMessages struct {
	mu   sync.Mutex
	text bytes.Buffer
	to   io.Writer // nil while it is held back
}

func (m *heldMessages) Write(b []byte) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.to != nil {
		return m.to.Write(b)
	}
	return m.text.Write(b)
}

func (m *heldMessages) passTo(w io.Writer) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.to = w
	_, _ = w.Write(m.text.Bytes())
	m.text.Reset()
}
