package enginehost

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/nsjoin/docker-nsjoin/pkg/attach"
	"github.com/nsjoin/docker-nsjoin/pkg/engine"
	"github.com/nsjoin/docker-nsjoin/pkg/engine/standin"
	"github.com/nsjoin/docker-nsjoin/pkg/interrupt"
	"github.com/nsjoin/docker-nsjoin/pkg/launch"
	"github.com/nsjoin/docker-nsjoin/pkg/progress"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

// PlanStandIn plans a container that stands in for the base of r, a container that does not run or, with image, a local
// image. Nothing is made yet.
func (h *Host) PlanStandIn(ctx context.Context, r *request.Request, image bool, o standin.Options) (*standin.Plan, error) {
	if err := h.RequireEngine(standInWhy); err != nil {
		return nil, err
	}
	client, err := h.Connection.Negotiated(ctx)
	if err != nil {
		return nil, err
	}
	if image {
		return standin.PlanImage(ctx, client, r.Base.Name, o)
	}
	if r.Base.Container == nil {
		return standin.PlanContainer(ctx, client, r.Base.Name, o)
	}
	p, err := standin.PlanContainer(ctx, client, r.Base.Container.ID, o) // the name may be a service's
	if err != nil {
		return nil, err
	}
	p.Name = r.Base.Name
	return p, nil
}

const standInWhy = "a container that does not run needs a copy, which only the engine can make"

// PrintStandIn prints what MakeStandIn would make for r, whose --dry-run says how.
func (h *Host) PrintStandIn(p *standin.Plan, r *request.Request) error {
	r.Via = fmt.Sprintf("%s: %s", launch.Engine, standInWhy)
	return p.Print(os.Stdout, r)
}

// MakeStandIn makes what was planned, and resolves r with it. The helper for r then runs through the engine, so that this
// process can remove the stand-in in the end: when Close is called. Until then, no signal ends this process. The command
// does not see the program that the stand-in runs.
func (h *Host) MakeStandIn(ctx context.Context, p *standin.Plan, r *request.Request) (engine.Answers, error) {
	client, err := h.Connection.Negotiated(ctx)
	if err != nil {
		return nil, err
	}
	onSocket, err := h.Connection.Local()
	if err != nil {
		return nil, err
	}
	h.sayStandIn(p)
	h.making, h.guard = interrupt.Start(ctx)
	made, err := p.Make(h.making, client, h.Connection.Register(), standin.Making{
		Call: launch.NewCall(), Compress: !onSocket,
		Warn:    h.warn,
		Working: func(text string) (end func()) { return progress.Start(text, h.interruption).End },
	})
	switch {
	case h.interrupted() && err != nil:
		return nil, attach.ErrInterrupted
	case err != nil:
		return nil, err
	}
	h.atEnd = append(h.atEnd, func() {
		h.guard.Finish(func() { h.Note("the copy is being removed; the next signal leaves that to the next call") })
		if err := made.Remove(ctx, client); err != nil {
			h.warn(err.Error())
			return
		}
		h.Note(fmt.Sprintf("the copy of %s and the changes in it are thrown away", p.Name))
	})
	r.Base = request.Source{From: request.FromContainer, Name: made.ID}
	answers, err := h.Resolve(h.making, r)
	switch {
	case h.interrupted():
		return nil, attach.ErrInterrupted
	case err != nil:
		return nil, err
	}
	// Messages name what the user typed.
	answers[p.Name] = answers[made.ID]
	r.Base.Name = p.Name
	r.Remove = request.Word(made.Helper)
	if r.View != nil {
		r.View.Hide = made.Program
	}
	return answers, nil
}

// sayStandIn says where the command runs, and what is missing there. Who asked for an image knows the former; of a
// container it is a surprise, also in a script.
func (h *Host) sayStandIn(p *standin.Plan) {
	if p.IsImage {
		h.Note(p.Describe())
	} else {
		h.warn(p.Describe())
	}
	if len(p.LeftOut) > 0 {
		h.warn("left out of the copy: " + strings.Join(p.LeftOut, ", "))
	}
}

// interruption says, beside what is done, why that goes on after a signal.
func (h *Host) interruption() string {
	if h.interrupted() {
		return "interrupted, to be removed"
	}
	return ""
}

// interrupted reports whether a signal came while a stand-in was made, or before its command began.
func (h *Host) interrupted() bool { return h.making != nil && h.making.Err() != nil }
