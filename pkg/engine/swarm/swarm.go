// Package swarm asks a Swarm manager for the tasks of a service and the nodes that they run on.
package swarm

import (
	"context"
	"errors"
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

// taskLabel is a label that every container of a task has: the task's ID.
const taskLabel = "com.docker.swarm.task.id"

// Task is a running task of a service.
type Task struct {
	ID string
	// Name is SERVICE.SLOT, or SERVICE.NODE of a global service. If several tasks run there, as during an update that
	// starts the new one first, it is followed by the task's ID, as in the name of its container.
	Name        string
	place       string // Name without the ID
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
		list = append(list, Task{ID: t.ID, Name: name, place: name, ContainerID: t.Status.ContainerStatus.ContainerID, NodeID: t.NodeID, Hostname: hosts[t.NodeID]})
	}
	places := make(map[string]int)
	for _, t := range list {
		places[t.place]++
	}
	for i, t := range list {
		if places[t.place] > 1 {
			list[i].Name += "." + t.ID
		}
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

// leastID is how many digits of a task's ID have to be given: as many as docker service ps shows.
const leastID = 12

// One returns the running task with a name: SERVICE.SLOT, SERVICE.ID or SERVICE.SLOT.ID, as Task.Name has it. ID may be
// the beginning of an ID.
func One(ctx context.Context, manager Manager, name string) (Task, error) {
	service, rest, _ := strings.Cut(name, ".") // no service has a name with a dot
	if service == "" || rest == "" {
		return Task{}, exit.Hint(fmt.Errorf("task %q: a task is written SERVICE.SLOT", name), "docker service ps SERVICE lists the tasks")
	}
	tasks, err := Tasks(ctx, manager, service)
	if err != nil {
		return Task{}, err
	}
	tasks = slices.DeleteFunc(tasks, func(t Task) bool {
		place := service + t.place[strings.IndexByte(t.place, '.'):] // the service may be given by its ID
		id, ok := strings.CutPrefix(name, place+".")
		if !ok {
			id = rest
		}
		return name != place && (len(id) < leastID || !strings.HasPrefix(t.ID, id))
	})
	switch len(tasks) {
	case 0:
		return Task{}, exit.Hint(fmt.Errorf("no running task %q", name), "docker service ps %s lists the tasks", service)
	case 1:
		return tasks[0], nil
	}
	var names []string
	for _, t := range tasks {
		names = append(names, t.Name)
	}
	return Task{}, exit.Hint(fmt.Errorf("%d tasks %q run", len(tasks), name), "name one of %s", strings.Join(names, ", "))
}

// CheckContainer refuses a container that is not the task's, by what its engine has answered about it.
func CheckContainer(answers engine.Answers, container, task string) error {
	if config := answers[container].Config; config == nil || config.Labels[taskLabel] != task {
		return errors.New("the engine's container is not that of the task")
	}
	return nil
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

// explain describes an error of the manager. An engine that is none answers that the service is unavailable.
func explain(err error, what string) error {
	if errdefs.IsUnavailable(err) {
		return exit.Hint(fmt.Errorf("%s: %s", what, engine.Message(err)), "use the context of a manager of the swarm")
	}
	return engine.ExplainAs(err, what, what)
}
