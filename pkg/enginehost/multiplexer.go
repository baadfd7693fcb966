package enginehost

import (
	"context"
	"slices"

	"github.com/nsjoin/docker-nsjoin/pkg/attached"
	"github.com/nsjoin/docker-nsjoin/pkg/engine"
	"github.com/nsjoin/docker-nsjoin/pkg/frame"
	"github.com/nsjoin/docker-nsjoin/pkg/launch"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

// rights are what the helpers of a multiplexer need.
type rights struct {
	engine.Rights
	here bool // on this machine, as this user, who has all of them
}

func (r rights) cover(others rights) bool { return r.here == others.here && r.Cover(others.Rights) }

func (r rights) with(others rights) rights {
	r.Rights = r.With(others.Rights)
	return r
}

// multiplexer is a connection to a helper, beside this process or in a container of the engine, that starts a helper for each
// command. What it was made with does not change; the rest is set when ready is closed.
type multiplexer struct {
	rights rights
	ready  chan struct{}
	call   request.Call // the ID of the container, which audit records name; "" on this machine
	*attached.Connection
	err       error // why there is none
	abandoned bool  // the next command starts another one: this one's command has ended meanwhile, or another may not fail
}

// outputBudget is how much output of all commands of an engine may wait here beyond 16 KiB of each: with a round trip of
// 50 ms they write 20 MB a second, and 0.3 each.
const outputBudget = 1 << 20

// noMultiplexerError says why there is no multiplexer for a helper, which may be started by a request of its own.
type noMultiplexerError struct{ why error }

func (e *noMultiplexerError) Error() string { return e.why.Error() }
func (e *noMultiplexerError) Unwrap() error { return e.why }

// beginOverConnection starts a helper over a connection that other helpers share. The error is a noMultiplexerError if
// that is not possible.
func (h *Host) beginOverConnection(ctx context.Context, needs rights, r *request.Request) (frame.Helper, error) {
	m, err := h.multiplexerFor(ctx, needs)
	if err != nil {
		return nil, err
	}
	r.Call = m.call
	frames, err := inFrames(r, nil)
	if err != nil {
		return nil, err
	}
	c, err := m.Begin(ctx, needs.Caps, frames)
	if err != nil {
		return nil, err // not a Helper that holds nil
	}
	return c, nil
}

// multiplexerFor returns a multiplexer for helpers with these rights, and starts one if there is none. Only one call at a time
// starts one; the others wait for it.
func (h *Host) multiplexerFor(ctx context.Context, needs rights) (*multiplexer, error) {
	for {
		m, mine := h.many.find(needs)
		if mine {
			m.Connection, m.err = h.startMultiplexer(ctx, m.call, m.rights)
			m.abandoned = m.err != nil && (ctx.Err() != nil || needs.here) // where there is no other way
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
		case mine || !m.abandoned:
			return nil, &noMultiplexerError{m.err}
		}
	}
}

// find returns the multiplexer for helpers with these rights: one that serves, else one that is being started, else one that
// could not be started. If there is none, it returns a new one, which the caller starts.
func (many *many) find(needs rights) (m *multiplexer, mine bool) {
	many.mu.Lock()
	defer many.mu.Unlock()
	many.shared = slices.DeleteFunc(many.shared, (*multiplexer).over)
	for _, found := range many.shared {
		if found.serves(needs) && (m == nil || m.failed()) {
			m = found
		}
	}
	if m != nil {
		return m, false
	}
	for _, other := range many.shared {
		if union := needs.with(other.rights); !other.failed() && union.cover(other.rights) {
			needs = union // one for both, as long as that ends
		}
	}
	m = &multiplexer{rights: needs, ready: make(chan struct{})}
	if !needs.here {
		m.call = launch.NewCall()
	}
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

// serves reports whether it is for helpers with these rights. One that failed is for the same rights only: with fewer, another
// one may not fail.
func (m *multiplexer) serves(needs rights) bool {
	return m.rights.cover(needs) && (!m.failed() || needs.cover(m.rights))
}

// startMultiplexer starts a multiplexer and connects to it.
func (h *Host) startMultiplexer(ctx context.Context, call request.Call, r rights) (*attached.Connection, error) {
	helper, err := h.newMultiplexer(ctx, call, r)
	if err != nil {
		return nil, err
	}
	return h.connect(ctx, helper, outputBudget)
}

func (h *Host) newMultiplexer(ctx context.Context, call request.Call, r rights) (server, error) {
	if !r.here {
		return h.Connection.StartMultiplexer(ctx, call, r.Rights, h.warn)
	}
	if h.program == nil { // no other call is here: find returned this one to one caller
		h.program = launch.Prepare(false, nil)
	}
	return h.program.StartMultiplexer()
}

// close hangs up: the helpers that still run end their commands. It waits a few seconds for those on this machine.
func (many *many) close() {
	many.mu.Lock()
	defer many.mu.Unlock()
	for _, m := range many.shared {
		switch {
		case !m.isReady() || m.err != nil:
		case m.rights.here:
			_ = m.Close()
		default:
			m.HangUp()
		}
	}
	many.shared = nil
}
