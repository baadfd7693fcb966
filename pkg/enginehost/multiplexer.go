package enginehost

import (
	"context"
	"fmt"
	"slices"

	"github.com/nsjoin/docker-nsjoin/pkg/attached"
	"github.com/nsjoin/docker-nsjoin/pkg/engine"
	"github.com/nsjoin/docker-nsjoin/pkg/launch"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

// multiplexer is a connection to a container of the engine that starts a helper for each command. What it was made with
// does not change; the rest is set when ready is closed.
type multiplexer struct {
	rights engine.Rights
	ready  chan struct{}
	call   request.Call // the ID of the container, which audit records name
	*attached.Connection
	err       error // why there is none
	abandoned bool  // it was started for a command that has ended meanwhile
}

// outputBudget is how much output of all commands of an engine may wait here beyond 16 KiB of each: with a round trip of
// 50 ms they write 20 MB a second, and 0.3 each.
const outputBudget = 1 << 20

// noMultiplexerError says why a helper is started by a request of its own.
type noMultiplexerError struct{ why error }

func (e *noMultiplexerError) Error() string { return e.why.Error() }

// beginOverConnection starts a helper over a connection that other helpers share. The error is a noMultiplexerError if the
// helper has to be started in another way.
func (h *Host) beginOverConnection(ctx context.Context, s engine.Spec, r *request.Request) (Helper, error) {
	rights, err := s.Rights()
	if err != nil {
		return nil, &noMultiplexerError{err}
	}
	m, err := h.multiplexerFor(ctx, rights)
	if err != nil {
		return nil, err
	}
	r.Call = m.call
	frames, err := inFrames(r, nil)
	if err != nil {
		return nil, err
	}
	c, err := m.Begin(ctx, rights.Caps, frames)
	if err != nil {
		return nil, err // not a Helper that holds nil
	}
	return c, nil
}

// multiplexerFor returns a multiplexer for helpers with rights, and starts one if there is none. Only one call at a time
// starts one; the others wait for it.
func (h *Host) multiplexerFor(ctx context.Context, rights engine.Rights) (*multiplexer, error) {
	for {
		m, mine := h.many.find(rights)
		if mine {
			m.Connection, m.err = h.startMultiplexer(ctx, m.call, m.rights)
			m.abandoned = m.err != nil && ctx.Err() != nil
			close(m.ready)
		}
		select {
		case <-m.ready:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		switch {
		case m.err == nil:
			return m, nil
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case !m.abandoned:
			return nil, &noMultiplexerError{m.err}
		}
	}
}

// find returns the multiplexer for helpers with rights: one that serves, else one that is being started, else one that
// could not be started. If there is none, it returns a new one, which the caller starts.
func (many *many) find(rights engine.Rights) (m *multiplexer, mine bool) {
	many.mu.Lock()
	defer many.mu.Unlock()
	many.shared = slices.DeleteFunc(many.shared, (*multiplexer).over)
	for _, found := range many.shared {
		if found.serves(rights) && (m == nil || m.failed()) {
			m = found
		}
	}
	if m != nil {
		return m, false
	}
	for _, other := range many.shared {
		if union := rights.With(other.rights); !other.failed() && union.Cover(other.rights) {
			rights = union // one for both, as long as that ends
		}
	}
	m = &multiplexer{rights: rights, call: launch.NewCall(), ready: make(chan struct{})}
	many.shared = append(many.shared, m)
	return m, true
}

// isReady reports whether it was started, or could not be.
func (m *multiplexer) isReady() bool {
	select {
	case <-m.ready:
		return true
	default:
		return false
	}
}

// failed reports whether it could not be started.
func (m *multiplexer) failed() bool { return m.isReady() && m.err != nil }

// over reports whether it is of no use any more: its connection has ended or is about to, or it was abandoned.
func (m *multiplexer) over() bool {
	if m.failed() {
		return m.abandoned
	}
	if !m.isReady() {
		return false
	}
	select {
	case <-m.Mux.Gone():
		return true
	default:
		return false
	}
}

// serves reports whether it is for helpers with rights. One that failed is for the same rights only: with fewer, another
// one may not fail.
func (m *multiplexer) serves(rights engine.Rights) bool {
	return m.rights.Cover(rights) && (!m.failed() || rights.Cover(m.rights))
}

// startMultiplexer starts the container and connects to its first process.
func (h *Host) startMultiplexer(ctx context.Context, call request.Call, rights engine.Rights) (*attached.Connection, error) {
	helper, err := h.Connection.StartMultiplexer(ctx, call, rights, h.warn)
	if err != nil {
		return nil, err
	}
	messages := &heldMessages{}
	c, err := attached.Connect(ctx, helper, messages, outputBudget)
	if err == nil {
		messages.passTo(h.Stderr)
		return c, nil
	}
	if status, known := c.Status(); known && ctx.Err() == nil && messages.text.Len() > 0 {
		err = h.cli.Name.ParseReport(messages.text.String(), status)
	}
	return nil, fmt.Errorf("the multiplexer: %w", err)
}

// close hangs up: the helpers that still run end their commands.
func (many *many) close() {
	many.mu.Lock()
	defer many.mu.Unlock()
	for _, m := range many.shared {
		if m.isReady() && m.err == nil {
			m.HangUp()
		}
	}
	many.shared = nil
}
