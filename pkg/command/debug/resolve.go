package debug

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nsjoin/docker-nsjoin/pkg/engine"
	"github.com/nsjoin/docker-nsjoin/pkg/engine/pull"
	"github.com/nsjoin/docker-nsjoin/pkg/engine/standin"
	"github.com/nsjoin/docker-nsjoin/pkg/enginehost"
	"github.com/nsjoin/docker-nsjoin/pkg/execopts"
	"github.com/nsjoin/docker-nsjoin/pkg/exit"
	"github.com/nsjoin/docker-nsjoin/pkg/progress"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

// resolve finds the container. For one that does not run or would soon end, and for an image, it makes a stand-in; with
// --wait it waits for a start instead.
func (o *options) resolve(ctx context.Context, host *enginehost.Host, r *request.Request) (engine.Answers, error) {
	if err := o.findTools(ctx, host, r); err != nil {
		return nil, err
	}
	switch {
	case o.image:
		return o.standIn(ctx, host, r)
	case o.wait:
		return waitFor(ctx, host, r)
	}
	answers, err := execopts.Resolve(ctx, host, r)
	if host.Offline() {
		return answers, err
	}
	_, stopped := errors.AsType[*engine.NotRunningError](err)
	if stopped || err == nil && (o.copy || standin.CrashLoops(answers[r.Base.Name])) {
		return o.standIn(ctx, host, r)
	}
	if _, missing := errors.AsType[*engine.NoContainerError](err); missing {
		o.image = true
		return o.standIn(ctx, host, r)
	}
	return answers, err
}

// standIn makes a stand-in for the container or image of r, and resolves r with it.
func (o *options) standIn(ctx context.Context, host *enginehost.Host, r *request.Request) (engine.Answers, error) {
	name := r.Base.Name
	switch {
	case r.DryRun != request.OutputNone:
		return nil, exit.Hint(fmt.Errorf("--dry-run: %q needs a copy, which would have to be made and started", name), "omit --dry-run, or name a container that runs")
	case r.Detach:
		return nil, exit.Hint(fmt.Errorf("--detach: the copy of %q is thrown away when the call ends", name), "omit --detach, or name a container that runs")
	}
	options := standin.Options{
		Network: o.network, WritableVolumes: o.volumes == writable,
		Note: host.Note, Working: func(text string) (end func()) { return progress.Start(text, nil).End },
	}
	answers, err := host.StandInFor(ctx, r, o.image, options)
	if errors.Is(err, standin.ErrNoImage) && o.pull {
		if err := o.pullImage(ctx, host, name); err != nil {
			return nil, err
		}
		answers, err = host.StandInFor(ctx, r, o.image, options)
	}
	return answers, o.hintTarget(ctx, host.Connection, err)
}

// pullImage pulls an image.
func (o *options) pullImage(ctx context.Context, host *enginehost.Host, name string) error {
	client, err := host.Connection.Client()
	if err != nil {
		return err
	}
	var far pull.Progress
	line := progress.Start("pulling "+name, far.String)
	defer line.End()
	return pull.Image(ctx, client, name, host.RegistryAuth(name), &far)
}

// waitFor waits until the container of r runs.
func waitFor(ctx context.Context, host *enginehost.Host, r *request.Request) (engine.Answers, error) {
	asked, err := host.Engine()
	if err != nil {
		return nil, err
	}
	changes := engine.Changes(ctx, asked) // before it is asked for, so that no start is missed
	for first := true; ; first = false {
		answers, err := execopts.Resolve(ctx, host, r)
		if missing, ok := errors.AsType[*engine.NoContainerError](err); ok {
			return nil, exit.Hint(missing, "--wait waits for the start of a container that exists: docker ps --all lists them")
		}
		if _, stopped := errors.AsType[*engine.NotRunningError](err); !stopped {
			return answers, err
		}
		if first {
			host.Note(fmt.Sprintf("waiting for the start of %s; Ctrl-C ends it", r.Base.Name))
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("wait for %s: %w", r.Base, context.Cause(ctx))
		case <-changes:
		case <-time.After(time.Second): // the engine may report changes late, or end the stream
		}
	}
}
