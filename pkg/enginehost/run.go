package enginehost

import (
	"context"
	"fmt"

	"github.com/nsjoin/docker-nsjoin/pkg/attach"
	"github.com/nsjoin/docker-nsjoin/pkg/engine"
	"github.com/nsjoin/docker-nsjoin/pkg/exit"
	"github.com/nsjoin/docker-nsjoin/pkg/helperimage"
	"github.com/nsjoin/docker-nsjoin/pkg/launch"
	"github.com/nsjoin/docker-nsjoin/pkg/progress"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

// Prepare begins to make the programs that Run needs for r on this machine, unless the user asked for the way through
// the engine. If that turns out to be the way, they are not used.
func (h *Host) Prepare(r *request.Request) {
	if h.via == launch.Engine {
		return
	}
	onSocket, err := h.Connection.Local()
	here := err == nil && onSocket && launch.MayJoin() // otherwise the toolbox would be decompressed for nothing
	h.program = launch.Prepare(here && r.View != nil && !r.View.Host && r.DryRun == request.OutputNone, h.Connection.Register().State)
}

// Run runs a helper for the command of r, a request that was resolved with answers. On this machine, the
// helper replaces this process, unless a file system of the container may not answer; otherwise Run returns nil if the command's exit status is 0. image is the
// image for the helper's container, "" for any. Call Prepare before.
func (h *Host) Run(ctx context.Context, r *request.Request, answers engine.Answers, image string) error {
	way, err := h.choose(r, answers)
	if err != nil {
		return err
	}
	beside := ""
	if way == launch.Local {
		if beside, err = h.mustBeBeside(ctx, r); err != nil {
			return err
		}
	}
	if way == launch.Local && beside == "" {
		watched, err := h.cli.Parent.Watched()
		if err != nil {
			return err
		}
		unpacking := progress.Start("unpacking the toolbox", nil)
		h.program.Wait()
		unpacking.End()
		return h.program.Launch(r, watched, h.content)
	}
	if way == launch.Local {
		h.cli.Debug("the helper runs beside docker nsjoin, since a file system may not answer: " + beside)
		return h.runBeside(ctx, r)
	}
	s := engine.NewSpec(r, answers)
	if image != "" {
		s.Image, s.ImageGiven = image, true
	}
	if r.View != nil {
		s.More, r.View.ProgramPath = []helperimage.Part{helperimage.Toolbox}, helperimage.ToolboxProgram
	}
	status, err := h.runInContainer(ctx, s, r)
	if err != nil {
		return err
	}
	return exit.CommandStatus(status)
}

// choose chooses the way for r, which was resolved with answers, and says it in what is printed of r.
func (h *Host) choose(r *request.Request, answers engine.Answers) (launch.Via, error) {
	r.Program = h.cli.Name.String()
	way, why, err := h.way(r, answers.Configured(r))
	if err != nil {
		return "", err
	}
	text := fmt.Sprintf("%s: %s", way, why)
	h.cli.Debug("via " + text)
	if r.DryRun != request.OutputNone {
		r.Via = text
	}
	return way, nil
}

// runInContainer runs the helper in a container of the engine, as s describes it, attached to the caller's
// streams.
func (h *Host) runInContainer(ctx context.Context, s engine.Spec, r *request.Request) (int, error) {
	client, err := attach.NewClient(r, h.cli.Parent.Gone)
	if err != nil {
		return 0, err
	}
	r.CallerEnv = hostEnvironment(r.CallerEnv)
	r.Audit.Client = Caller()
	return client.Run(ctx, func(ctx context.Context) (attach.Helper, error) {
		if h.interrupted() {
			return nil, attach.ErrInterrupted
		}
		if h.guard != nil {
			h.guard.Pass() // package attach takes the signals by now
		}
		helper, err := h.startContainer(ctx, s, r)
		return inContainer{helper, h.Connection}, err
	})
}
