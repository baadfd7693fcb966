package enginehost

import (
	"context"
	"fmt"
	"os"

	"github.com/nsjoin/docker-nsjoin/pkg/engine"
	"github.com/nsjoin/docker-nsjoin/pkg/engine/standin"
	"github.com/nsjoin/docker-nsjoin/pkg/launch"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

// StandInFor makes a container that stands in for the base of r, a container that does not run or, with image, a local
// image, and resolves r with it. The helper for r then runs through the engine, so that this process can remove the
// stand-in in the end: when Close is called. A view of r does not have the program that the stand-in runs.
func (h *Host) StandInFor(ctx context.Context, r *request.Request, image bool, o standin.Options) (engine.Answers, error) {
	if err := h.RequireEngine("a container that does not run needs a copy, which only the engine can make"); err != nil {
		return nil, err
	}
	client, err := h.Connection.Client()
	if err != nil {
		return nil, err
	}
	onSocket, err := h.Connection.Local()
	if err != nil {
		return nil, err
	}
	client.NegotiateAPIVersion(ctx)
	o.Call, o.Compress = launch.NewCall(), !onSocket
	typed := r.Base.Name
	of := standin.OfContainer
	if image {
		of = standin.OfImage
	}
	made, err := of(ctx, client, h.Connection.Register(), typed, o)
	if err != nil {
		return nil, err
	}
	h.atEnd = append(h.atEnd, func() {
		if err := made.Remove(ctx, client); err != nil {
			h.cli.Name.Warn(os.Stderr, err.Error())
			return
		}
		o.Note(fmt.Sprintf("the copy of %s and the changes in it are thrown away", typed))
	})
	r.Base = request.Source{From: request.FromContainer, Name: made.ID}
	answers, err := h.Resolve(ctx, r)
	if err != nil {
		return nil, err
	}
	// Messages name what the user typed.
	answers[typed] = answers[made.ID]
	r.Base.Name = typed
	if r.View != nil {
		r.View.Hide = made.Program
	}
	return answers, nil
}
