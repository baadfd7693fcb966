// Package swarm asks a Swarm manager for the tasks of a service and the nodes that they run on.
package swarm

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/swarm"
	"github.com/docker/docker/api/types/system"

	"github.com/nsjoin/docker-nsjoin/pkg/engine"
	"github.com/nsjoin/docker-nsjoin/pkg/exit"
)

// Manager is the part of the engine's client that asks a Swarm manager.
type Manager interface {
	ServiceList(ctx context.Context, options swarm.ServiceListOptions) ([]swarm.Service, error)
	TaskList(ctx context.Context, options swarm.TaskListOptions) ([]swarm.Task, error)
	NodeList(ctx context.Context, options swarm.NodeListOptions) ([]swarm.Node, error)
}

// Informer is the part of the engine's client that says which node an engine is.
type Informer interface {
	Info(ctx context.Context) (system.Info, error)
}

// TaskLabel is a label that every container of a task has: the task's ID.
const TaskLabel = "com.docker.swarm.task.id"

// Task is a running task of a service.
type Task struct {
	ID, Name    string // SERVICE.SLOT, or SERVICE.NODE of a global service
	ContainerID string
	NodeID      string
	Hostname    string // what the node says: anything
}

// NodeID returns the ID that an engine has as a node; "" if it is in no swarm.
func NodeID(ctx context.Context, engine Informer) (string, error) {
	info, err := engine.Info(ctx)
	return info.Swarm.NodeID, err
}

// Tasks returns the running tasks of a service, by its name or ID, in the order of their names.
func Tasks(ctx context.Context, manager Manager, service string) ([]Task, error) {
	found, err := findService(ctx, manager, service)
	if err != nil {
		return nil, err
	}
	tasks, err := manager.TaskList(ctx, swarm.TaskListOptions{
		Filters: filters.NewArgs(filters.Arg("service", found.ID), filters.Arg("desired-state", "running")),
	})
	if err != nil {
		return nil, explain(err, "list the tasks of service "+strconv.Quote(service))
	}
	hosts, err := hostnames(ctx, manager)
	if err != nil {
		return nil, err
	}
	var list []Task
	for _, t := range tasks {
		if t.ServiceID != found.ID || t.Status.State != swarm.TaskStateRunning || t.Status.ContainerStatus == nil {
			continue
		}
		if !isID(t.Status.ContainerStatus.ContainerID) { // what the task's node says
			continue
		}
		name := found.Spec.Name + "." + t.NodeID
		if t.Slot != 0 {
			name = found.Spec.Name + "." + strconv.Itoa(t.Slot)
		}
		list = append(list, Task{ID: t.ID, Name: name, ContainerID: t.Status.ContainerStatus.ContainerID, NodeID: t.NodeID, Hostname: hosts[t.NodeID]})
	}
	slices.SortFunc(list, func(a, b Task) int {
		if len(a.Name) != len(b.Name) {
			return len(a.Name) - len(b.Name) // api.9 before api.10
		}
		return strings.Compare(a.Name, b.Name)
	})
	return list, nil
}

// isID reports whether a text is the full ID of a container.
func isID(text string) bool {
	const digits = 64
	return len(text) == digits && strings.Trim(text, "0123456789abcdef") == ""
}

// One returns the running task with a name, as Task.Name has it, or with an ID of which at least 12 digits are given
// after the service's name.
func One(ctx context.Context, manager Manager, name string) (Task, error) {
	at := strings.LastIndexByte(name, '.')
	if at <= 0 {
		return Task{}, exit.Hint(fmt.Errorf("task %q: a task is written SERVICE.SLOT", name), "docker service ps SERVICE lists the tasks")
	}
	tasks, err := Tasks(ctx, manager, name[:at])
	if err != nil {
		return Task{}, err
	}
	for _, t := range tasks {
		if t.Name == name || t.ID == name[at+1:] {
			return t, nil
		}
	}
	return Task{}, exit.Hint(fmt.Errorf("no running task %q", name), "docker service ps %s lists the tasks", name[:at])
}

// findService finds a service by its name or ID.
func findService(ctx context.Context, manager Manager, name string) (swarm.Service, error) {
	all, err := manager.ServiceList(ctx, swarm.ServiceListOptions{})
	if err != nil {
		return swarm.Service{}, explain(err, "ask for the swarm's services")
	}
	for _, s := range all {
		if s.Spec.Name == name || s.ID == name {
			return s, nil
		}
	}
	return swarm.Service{}, exit.Hint(fmt.Errorf("no such service: %q", name), "docker service ls lists the services")
}

// hostnames returns what the nodes call themselves, by their IDs.
func hostnames(ctx context.Context, manager Manager) (map[string]string, error) {
	all, err := manager.NodeList(ctx, swarm.NodeListOptions{})
	if err != nil {
		return nil, explain(err, "list the swarm's nodes")
	}
	names := make(map[string]string)
	for _, n := range all {
		names[n.ID] = n.Description.Hostname
	}
	return names, nil
}

// explain describes an error of the manager.
func explain(err error, what string) error {
	if errdefs.IsUnavailable(err) || errdefs.IsInternal(err) || strings.Contains(err.Error(), "not a swarm manager") {
		return exit.Hint(fmt.Errorf("%s: %s", what, engine.Message(err)), "use the context of a manager of the swarm")
	}
	return engine.ExplainAs(err, what, what)
}
