package each

import (
	"context"
	"errors"
	"fmt"

	"github.com/nsjoin/docker-nsjoin/pkg/engine"
	"github.com/nsjoin/docker-nsjoin/pkg/engine/selection"
	"github.com/nsjoin/docker-nsjoin/pkg/engine/swarm"
	"github.com/nsjoin/docker-nsjoin/pkg/exit"
	"github.com/nsjoin/docker-nsjoin/pkg/lines"
	"github.com/nsjoin/docker-nsjoin/pkg/nodes"
)

// findTasks chooses the running tasks of a Swarm service. A node whose engine is not reached is a failure of its own.
func (c *call) findTasks(ctx context.Context) error {
	manager := c.hosts[0]
	client, err := manager.Connection.Client()
	if err != nil {
		return err
	}
	client.NegotiateAPIVersion(ctx)
	tasks, err := swarm.Tasks(ctx, client, c.swarmService)
	if err != nil {
		return err
	}
	if len(tasks) == 0 && !c.allowNone {
		return exit.Hint(fmt.Errorf("no task of service %q runs", c.swarmService), "docker service ps %s lists its tasks; --allow-none makes that no error", c.swarmService)
	}
	finder, err := c.nodes.Finder(c.cli, c.cli, c.contexts)
	if err != nil {
		return err
	}
	if manager.context, err = c.cli.Context(); err != nil {
		return err
	}
	byNode := make(map[string]*host)
	for _, t := range tasks {
		h, known := byNode[t.NodeID]
		if !known {
			if h, err = c.hostOf(ctx, finder, t); err != nil {
				c.failures = append(c.failures, result{
					label: lines.Label{Container: "node " + t.NodeID}, status: exit.Failed, why: err.Error(),
				})
			}
			byNode[t.NodeID] = h
		}
		if h == nil {
			c.failures = append(c.failures, result{label: lines.Label{Container: t.Name}, status: exit.Failed, why: "its node is not reached"})
			continue
		}
		c.targets = append(c.targets, target{
			Chosen: selection.Chosen{Container: engine.Container{ID: t.ContainerID, Name: t.Name}, Rule: "task of service " + c.swarmService + " on node " + t.NodeID},
			host:   h, task: t.ID,
		})
	}
	return nil
}

// hostOf opens the engine of a task's node.
func (c *call) hostOf(ctx context.Context, finder *nodes.Finder, t swarm.Task) (*host, error) {
	cli, name, err := finder.Engine(ctx, t)
	if err != nil {
		return nil, err
	}
	if name == "" {
		return c.hosts[0], nil
	}
	if err := c.open(cli, name); err != nil {
		return nil, err
	}
	return c.hosts[len(c.hosts)-1], nil
}

// checkTask refuses a container that is not the task's: nothing was sent to its engine yet.
func (t target) checkTask(answers engine.Answers) error {
	if t.task == "" {
		return nil
	}
	return swarm.CheckContainer(answers, t.ID, t.task)
}
