package debug

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nsjoin/docker-nsjoin/pkg/engine"
	"github.com/nsjoin/docker-nsjoin/pkg/enginehost"
	"github.com/nsjoin/docker-nsjoin/pkg/execopts"
	"github.com/nsjoin/docker-nsjoin/pkg/exit"
	"github.com/nsjoin/docker-nsjoin/pkg/interrupt"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

// resolve finds the container, or plans a copy of what does not run; with --wait it waits for a start instead. Then it
// finds the tools, which nothing is pulled or sent for if there is no container.
func (o *options) resolve(ctx context.Context, host *enginehost.Host, r *request.Request) (engine.Answers, error) {
	if o.tools.kind == hostTools {
		return o.resolveHost(ctx, host, r)
	}
	if o.wait {
		if err := exists(ctx, host, r); err != nil {
			return nil, err
		}
		if err := o.findTools(ctx, host, r); err != nil {
			return nil, err
		}
		return waitFor(ctx, host, r)
	}
	answers, copied, err := o.copies.Find(ctx, host, r)
	if err != nil {
		return nil, o.hintTarget(ctx, host.Connection, err)
	}
	if err := o.findTools(ctx, host, r); err != nil {
		return nil, err
	}
	if copied != nil {
		return o.copies.Make(ctx, host, r, copied)
	}
	return answers, nil
}

// exists returns an error if there is no container to wait for.
func exists(ctx context.Context, host *enginehost.Host, r *request.Request) error {
	_, err := execopts.Resolve(ctx, host, r)
	_, err = stopped(err)
	return err
}

// stopped reports whether an error of Resolve says that the container does not run. Other errors are returned.
func stopped(err error) (bool, error) {
	if _, stopped := errors.AsType[*engine.NotRunningError](err); stopped {
		return true, nil
	}
	if missing, ok := errors.AsType[*engine.NoContainerError](err); ok {
		return false, exit.Hint(missing, "--wait waits for the start of a container that exists: docker ps --all lists them")
	}
	return false, err
}

// waitFor waits until the container of r runs.
func waitFor(ctx context.Context, host *enginehost.Host, r *request.Request) (engine.Answers, error) {
	asked, err := host.Engine()
	if err != nil {
		return nil, err
	}
	ctx, stop := interrupt.Until(ctx, exit.Interrupted)
	defer stop()
	changes := engine.Changes(ctx, asked) // before it is asked for, so that no start is missed
	for first := true; ; first = false {
		answers, err := execopts.Resolve(ctx, host, r)
		if ctx.Err() != nil {
			return nil, fmt.Errorf("wait for %s: %w", r.Base, context.Cause(ctx))
		}
		if wait, err := stopped(err); !wait {
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
