package each

import (
	"context"
	"fmt"
	"strings"
	"sync"

	"github.com/nsjoin/docker-nsjoin/pkg/dockercli"
	"github.com/nsjoin/docker-nsjoin/pkg/engine"
	"github.com/nsjoin/docker-nsjoin/pkg/engine/selection"
	"github.com/nsjoin/docker-nsjoin/pkg/engine/swarm"
	"github.com/nsjoin/docker-nsjoin/pkg/exit"
	"github.com/nsjoin/docker-nsjoin/pkg/nodes"
)

// findTasks chooses the running tasks of a Swarm service. Those of a node whose engine is not
// reached have failed, for one reason.
func (c *call) findTasks(ctx context.Context) error {
	manager := c.hosts[0]
	answered := manager.WarnIfSilent("each")
	client, err := manager.Connection.Negotiated(ctx)
	if err != nil {
		answered()
		return err
	}
	tasks, err := swarm.Tasks(ctx, client, c.swarmService)
	answered()
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
	reached := c.openNodes(ctx, finder, tasks)
	for _, t := range tasks {
		n := reached[t.NodeID]
		if n.err != nil {
			r := c.failure(n.err)
			r.label.Container = t.Name
			c.failures = append(c.failures, r)
			continue
		}
		c.targets = append(c.targets, target{
			Chosen: selection.Chosen{Container: engine.Container{ID: t.ContainerID, Name: t.Name}, Rule: "task of service " + c.swarmService + " on node " + t.NodeID},
			host:   n.host, task: t.ID,
		})
	}
	return nil
}

// node is the engine of a node, or why it is not reached.
type node struct {
	task swarm.Task // one of those that run there
	cli  *dockercli.CLI
	name string // of the engine's context; "" for the manager
	host *host
	err  error
}

// openNodes opens the engines of the tasks' nodes, by their IDs. All are looked for at the same time: some may not answer.
func (c *call) openNodes(ctx context.Context, finder *nodes.Finder, tasks []swarm.Task) map[string]*node {
	byID := make(map[string]*node)
	var list []*node
	var found sync.WaitGroup
	for _, t := range tasks {
		if byID[t.NodeID] != nil {
			continue
		}
		n := &node{task: t}
		byID[t.NodeID], list = n, append(list, n)
		found.Go(func() { n.cli, n.name, n.err = finder.Engine(ctx, t) })
	}
	found.Wait()
	for _, n := range list {
		switch {
		case n.err != nil:
		case n.name == "":
			n.host = c.hosts[0]
		default:
			if n.err = c.open(n.cli, n.name); n.err == nil {
				n.host = c.hosts[len(c.hosts)-1]
			}
		}
		if n.err != nil && !strings.Contains(n.err.Error(), n.task.NodeID) {
			n.err = fmt.Errorf("node %s: %w", n.task.NodeID, n.err)
		}
	}
	return byID
}

// checkTask refuses a container that is not the task's: nothing was sent to its engine yet.
func (t target) checkTask(answers engine.Answers) error {
	if t.task == "" {
		return nil
	}
	return swarm.CheckContainer(answers, t.ID, t.task)
}
