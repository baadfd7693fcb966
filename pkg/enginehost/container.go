package enginehost

import (
	"bytes"
	"context"

	"github.com/nsjoin/docker-nsjoin/pkg/engine"
	"github.com/nsjoin/docker-nsjoin/pkg/engine/holder"
	"github.com/nsjoin/docker-nsjoin/pkg/frame"
	"github.com/nsjoin/docker-nsjoin/pkg/launch"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

// startContainer starts the helper for r in a container of the engine as s describes it. The request is the first
// thing that the helper reads: it may hold secrets, and is on no disk.
func (h *Host) startContainer(ctx context.Context, s engine.Spec, r *request.Request) (*engine.Helper, error) {
	r.Call = launch.NewCall()
	s.Call = r.Call
	frames, err := inFrames(r, h.content)
	if err != nil {
		return nil, err
	}
	return h.Connection.StartHelper(ctx, s, frames, h.warn)
}

// inFrames returns the frames that a helper reads first: the request, and the content of programs if there is any.
func inFrames(r *request.Request, programs []byte) ([]byte, error) {
	var document, frames bytes.Buffer
	if err := r.Write(&document); err != nil {
		return nil, err
	}
	to := frame.NewWriter(&frames)
	if err := to.Request(document.Bytes()); err != nil {
		return nil, err
	}
	if len(programs) > 0 {
		if err := to.Programs(programs); err != nil {
			return nil, err
		}
	}
	return frames.Bytes(), nil
}

// HoldVolume starts a container that holds a volume of the engine's while it is mounted in the container with the first
// process pid.
func (h *Host) HoldVolume(ctx context.Context, name string, pid int) (*holder.Container, error) {
	return holder.Start(ctx, h.Connection, launch.NewCall(), name, pid)
}

// KeepVolume starts a container that holds a volume of the engine's until it is released, in place of one that has ended, or nil.
func (h *Host) KeepVolume(ctx context.Context, name string, ended *holder.Hold) (*holder.Hold, error) {
	return holder.Keep(ctx, h.Connection, launch.NewCall(), name, ended)
}
