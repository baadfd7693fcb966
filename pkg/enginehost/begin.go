package enginehost

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/nsjoin/docker-nsjoin/pkg/engine"
	"github.com/nsjoin/docker-nsjoin/pkg/frame"
	"github.com/nsjoin/docker-nsjoin/pkg/launch"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

// many is what commands that run at the same time share.
type many struct {
	mu     sync.Mutex
	first  map[string]*sync.Once // for each set of capabilities that a helper's container has
	shared []*multiplexer
}

// PrepareMany makes later calls of Resolve and Begin safe for use at the same time. One multiplexer starts all helpers, on
// this machine or, if possible, in a container of the engine.
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
func (h *Host) Begin(ctx context.Context, r *request.Request, answers engine.Answers, image string) (helper frame.Helper, here bool, err error) {
	way, err := h.choose(r, answers)
	if err != nil {
		return nil, false, err
	}
	r.Client = &request.Client{Local: way == launch.Local, Null: [3]bool{!r.Interactive, false, false}, SmallWindow: true}
	if way == launch.Local {
		helper, err = h.beginOverConnection(ctx, rights{here: true, Rights: engine.Rights{Caps: ^uint64(0)}}, r)
		return helper, true, err
	}
	s := engine.NewSpec(r, answers)
	if image != "" {
		s.Image, s.ImageGiven = image, true
	}
	r.CallerEnv = hostEnvironment(r.CallerEnv)
	r.Audit.Client = Caller()
	needs, err := s.Rights()
	if err != nil {
		err = &noMultiplexerError{err}
	} else {
		helper, err = h.beginOverConnection(ctx, rights{Rights: needs}, r)
	}
	if why, other := errors.AsType[*noMultiplexerError](err); other {
		h.Debug(fmt.Sprintf("the command gets a connection of its own: %v", why))
		helper, err = h.beginInContainer(ctx, s, r)
	}
	return helper, false, err
}

// beginInContainer starts a helper in the container of the engine that serves all helpers with its capabilities. The
// first one starts that container.
func (h *Host) beginInContainer(ctx context.Context, s engine.Spec, r *request.Request) (helper frame.Helper, err error) {
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

func (h *Host) startContainerFor(ctx context.Context, s engine.Spec, r *request.Request) (frame.Helper, error) {
	helper, err := h.startContainer(ctx, s, r)
	if err != nil {
		return nil, err // not a Helper that holds nil
	}
	return helper, nil
}
