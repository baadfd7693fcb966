package enginehost

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"

	"github.com/nsjoin/docker-nsjoin/pkg/engine"
	"github.com/nsjoin/docker-nsjoin/pkg/launch"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

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
}

// many is what commands that run at the same time share.
type many struct {
	prepare sync.Once
	mu      sync.Mutex
	first   map[string]*sync.Once // for each set of capabilities that a helper's container has
	shared  []*multiplexer
}

// PrepareMany makes later calls of Resolve and Begin safe for use at the same time. One container of the engine serves
// all helpers, if they need any, over one connection if possible.
func (h *Host) PrepareMany() error {
	if h.files == nil {
		if _, err := h.Connection.Client(); err != nil {
			return err
		}
	}
	h.many.first = make(map[string]*sync.Once)
	h.KeepHelper()
	return nil
}

// Begin runs a helper for the command of r, as Run does, beside this process. The command's streams are those of the
// helper. here says that the helper runs on this machine, and needs no engine.
func (h *Host) Begin(ctx context.Context, r *request.Request, answers engine.Answers, image string) (helper Helper, here bool, err error) {
	way, err := h.choose(r, answers)
	if err != nil {
		return nil, false, err
	}
	r.Client = &request.Client{Local: way == launch.Local, Null: [3]bool{!r.Interactive, false, false}, SmallWindow: true}
	if way == launch.Local {
		child, err := h.beginHere(r)
		return child, true, err
	}
	s := engine.NewSpec(r, answers)
	if image != "" {
		s.Image, s.ImageGiven = image, true
	}
	r.CallerEnv = hostEnvironment(r.CallerEnv)
	r.Audit.Client = Caller()
	helper, err = h.beginOverConnection(ctx, s, r)
	if why, other := errors.AsType[*noMultiplexerError](err); other {
		h.Debug(fmt.Sprintf("the command gets a connection of its own: %v", why))
		helper, err = h.beginInContainer(ctx, s, r)
	}
	return helper, false, err
}

// beginHere starts a helper on this machine. It gives the helper the request in frames.
func (h *Host) beginHere(r *request.Request) (Helper, error) {
	h.many.prepare.Do(func() { h.program = launch.Prepare(false, nil) })
	frames, err := inFrames(r, nil)
	if err != nil {
		return nil, err
	}
	child, err := h.program.Start()
	if err != nil {
		return nil, err
	}
	if _, err := child.Write(frames); err != nil {
		go func() { _ = child.Output(io.Discard, io.Discard) }()
		child.Close()
		_, _ = child.Wait()
		return nil, fmt.Errorf("send the request to the helper: %w", err)
	}
	return child, nil
}

// beginInContainer starts a helper in the container of the engine that serves all helpers with its capabilities. The
// first one starts that container.
func (h *Host) beginInContainer(ctx context.Context, s engine.Spec, r *request.Request) (helper Helper, err error) {
	rights := slices.Compact(slices.Sorted(slices.Values(s.Caps)))
	key := strings.Join(rights, ",")
	h.many.mu.Lock()
	first := h.many.first[key]
	if first == nil {
		first = new(sync.Once)
		h.many.first[key] = first
	}
	h.many.mu.Unlock()
	began := false
	first.Do(func() {
		began = true
		helper, err = h.startContainerFor(ctx, s, r)
	})
	if !began {
		helper, err = h.startContainerFor(ctx, s, r)
	}
	return helper, err
}

func (h *Host) startContainerFor(ctx context.Context, s engine.Spec, r *request.Request) (Helper, error) {
	helper, err := h.startContainer(ctx, s, r)
	if err != nil {
		return nil, err // not a Helper that holds nil
	}
	return helper, nil
}
