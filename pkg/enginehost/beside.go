package enginehost

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/nsjoin/docker-nsjoin/pkg/attach"
	"github.com/nsjoin/docker-nsjoin/pkg/engine"
	"github.com/nsjoin/docker-nsjoin/pkg/exit"
	"github.com/nsjoin/docker-nsjoin/pkg/launch"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

// runBeside runs the helper for r on this machine, beside this process instead of in its place: a process that asks a file
// system whose server does not answer cannot end, so it must not be the one that the caller waits for.
func (h *Host) runBeside(ctx context.Context, r *request.Request) error {
	client, err := attach.NewClient(r, h.cli.Parent.Gone)
	if err != nil {
		return err
	}
	r.Client.Local = true
	if r.View != nil && r.DryRun == request.OutputNone {
		r.View.Program = launch.ToolboxDescriptor
	}
	status, err := client.Run(ctx, func(context.Context) (attach.Helper, error) {
		child, err := h.startBeside(r)
		return beside{child}, err
	})
	if number := client.EndedBy(); errors.Is(err, attach.ErrInterrupted) && number != 0 {
		return exit.WithStatus(exit.Signalled(number), err)
	}
	if err != nil {
		return err
	}
	return exit.CommandStatus(status)
}

// startBeside starts a helper beside this process, and gives it the request in frames.
func (h *Host) startBeside(r *request.Request) (*launch.Beside, error) {
	frames, err := inFrames(r, h.content)
	if err != nil {
		return nil, err
	}
	child, err := h.program.Start()
	if err != nil {
		return nil, err
	}
	if _, err := child.Write(frames); err != nil {
		child.Close()
		return nil, fmt.Errorf("send the request to the helper: %w", err)
	}
	return child, nil
}

// mustBeBeside returns which file system may not answer a helper for r in this process's place; "" for none. A command on the
// host's file system is in this process's place in any case: what it reads from a container is read beside it before.
func (h *Host) mustBeBeside(ctx context.Context, r *request.Request) (string, error) {
	if r.View != nil && r.View.Host {
		return "", nil // which asks no file system of the container
	}
	found := launch.Silent(r)
	if found == "" || !launch.OnHost(r) || r.DryRun != request.OutputNone {
		return found, nil
	}
	only := *r
	only.DryRun = request.OutputJSON
	_, err := launch.Output(ctx, &only, func(string) {})
	return "", err
}

// beside is a helper that runs beside this process.
type beside struct{ *launch.Beside }

// Output copies what the helper writes: its messages, and what it says of the command, come while nobody reads the command's
// output.
func (b beside) Output(stdout, stderr io.Writer) error { return b.OutputApart(stdout, stderr) }

// MayLeave reports true: one whose thread asks a file system that does not answer has reported why, and cannot end.
func (b beside) MayLeave() bool { return true }

func (b beside) HasEnded(context.Context) bool { return b.CommandHasEnded() }

// GiveUp hangs up: the helper ends its child and itself within some seconds.
func (b beside) GiveUp() { b.Close() }

func (b beside) Left() string { return "" }

func (b beside) Patience() time.Duration { return patience / 10 }

// inContainer is a helper in a container of the engine.
type inContainer struct {
	*engine.Helper

	connection *engine.Connection
}

func (c inContainer) HasEnded(ctx context.Context) bool { return c.connection.Ended(ctx, c.Helper) }

func (c inContainer) GiveUp() { c.Close() }

func (c inContainer) Left() string {
	return fmt.Sprintf("the helper did not answer in time, and ends by itself; docker ps --filter id=%.12s shows whether it has ended", c.ID())
}

const patience = 3 * time.Second

func (c inContainer) Patience() time.Duration { return patience }
