package enginehost

import (
	"context"
	"fmt"

	"github.com/nsjoin/docker-nsjoin/pkg/attach"
	"github.com/nsjoin/docker-nsjoin/pkg/engine"
	"github.com/nsjoin/docker-nsjoin/pkg/exit"
	"github.com/nsjoin/docker-nsjoin/pkg/launch"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

// Prepare begins to make the helper's program for Run, unless the user asked for the way through the
// engine. It is in vain if that turns out to be the way.
func (h *Host) Prepare() {
	if h.via != launch.Engine {
		h.program = launch.Prepare()
	}
}

// Run runs a helper for the command of r, which answers resolved. The helper replaces this process if it
// runs on this machine; else Run returns nil if the command's exit status is 0. image is the one that
// the helper's container is made from, or "". Call Prepare before.
func (h *Host) Run(ctx context.Context, r *request.Request, answers engine.Answers, image string) error {
	way, why, err := h.way(r, answers.Configured(r))
	if err != nil {
		return err
	}
	text := fmt.Sprintf("%s: %s", way, why)
	h.cli.Debug("via " + text)
	if r.DryRun != request.OutputNone {
		r.Via = text
	}
	if way == launch.Local {
		watched, err := h.cli.Parent.Watched()
		if err != nil {
			return err
		}
		return h.program.Launch(r, watched)
	}
	s := engine.NewSpec(r, answers)
	if image != "" {
		s.Image, s.ImageGiven = image, true
	}
	status, err := h.runInContainer(ctx, s, r)
	if err != nil {
		return err
	}
	return exit.CommandStatus(status)
}

// runInContainer runs the helper in a container of the engine that is made by s, attached to the
// caller's streams.
func (h *Host) runInContainer(ctx context.Context, s engine.Spec, r *request.Request) (int, error) {
	client, err := attach.NewClient(h.Connection, r, h.cli.Parent.Gone)
	if err != nil {
		return 0, err
	}
	r.CallerEnv = hostEnvironment(r.CallerEnv)
	r.Audit.Client = caller()
	return client.Run(ctx, func(ctx context.Context) (*engine.Helper, error) {
		return h.startContainer(ctx, s, r)
	})
}
