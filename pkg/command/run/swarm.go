package run

import (
	"context"
	"errors"
	"fmt"

	"github.com/nsjoin/docker-nsjoin/pkg/dockercli"
	"github.com/nsjoin/docker-nsjoin/pkg/engine"
	"github.com/nsjoin/docker-nsjoin/pkg/engine/swarm"
	"github.com/nsjoin/docker-nsjoin/pkg/enginehost"
	"github.com/nsjoin/docker-nsjoin/pkg/execopts"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

// runTask runs the command of r in a task of a swarm, on its node. A container that has the task's name is preferred.
func (o *options) runTask(ctx context.Context, cli *dockercli.CLI, r *request.Request) error {
	switch {
	case r.Base.From != request.FromContainer:
		return dockercli.UsageError(errors.New("--swarm needs a task, SERVICE.SLOT or SERVICE.ID"))
	case o.Host.NoEngine():
		return dockercli.UsageError(errors.New("--swarm and --no-engine cannot be used together"))
	}
	connection, err := cli.Engine()
	if err != nil {
		return err
	}
	name := r.Base.Name
	if _, err := connection.ContainerInspect(ctx, name); err == nil {
		return o.Run(ctx, cli, r, execopts.Resolve)
	}
	client, err := connection.Negotiated(ctx)
	if err != nil {
		return err
	}
	task, err := swarm.One(ctx, client, name)
	if err != nil {
		return err
	}
	finder, err := o.nodes.Finder(cli, cli, nil)
	if err != nil {
		return err
	}
	node, _, err := finder.Engine(ctx, task)
	if err != nil {
		return fmt.Errorf("task %q: %w", name, err)
	}
	r.Rename(name, task.ContainerID)
	return o.Run(ctx, node, r, func(ctx context.Context, host *enginehost.Host, r *request.Request) (engine.Answers, error) {
		answers, err := execopts.Resolve(ctx, host, r)
		if err != nil {
			return nil, err
		}
		if err := swarm.CheckContainer(answers, task.ContainerID, task.ID); err != nil {
			return nil, fmt.Errorf("task %q: %w", name, err)
		}
		answers[name] = answers[task.ContainerID] // messages name what the user typed
		r.Rename(task.ContainerID, name)
		return answers, nil
	})
}
