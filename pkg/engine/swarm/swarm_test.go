package swarm_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/containerd/errdefs"
	api "github.com/docker/docker/api/types/swarm"

	"github.com/nsjoin/docker-nsjoin/pkg/engine/swarm"
	"github.com/nsjoin/docker-nsjoin/pkg/exit"
)

// manager answers as a manager does.
type manager struct {
	tasks []api.Task
	err   error
}

func (m manager) ServiceList(context.Context, api.ServiceListOptions) ([]api.Service, error) {
	s := api.Service{ID: "s1"}
	s.Spec.Name = "api"
	return []api.Service{s}, m.err
}

func (m manager) TaskList(context.Context, api.TaskListOptions) ([]api.Task, error) {
	return m.tasks, nil
}

func (m manager) NodeList(context.Context, api.NodeListOptions) ([]api.Node, error) {
	n := api.Node{ID: "n1"}
	n.Description.Hostname = "east"
	return []api.Node{n}, nil
}

func task(id string, slot int, state api.TaskState, container string) api.Task {
	t := api.Task{ID: id, ServiceID: "s1", Slot: slot, NodeID: "n1"}
	t.Status.State = state
	if container != "" {
		t.Status.ContainerStatus = &api.ContainerStatus{ContainerID: container}
	}
	return t
}

// id makes a container's full ID.
func id(digits string) string { return strings.Repeat("0", 64-len(digits)) + digits }

// An update that starts the new task first has two of a slot for a moment.
func TestOneOfSeveral(t *testing.T) {
	const first, second = "abcdefghijklmnopqrstuvwx1", "abcdefghijklmnopqrstuvwx2"
	m := manager{tasks: []api.Task{
		task(first, 2, api.TaskStateRunning, id("c1")), task(second, 2, api.TaskStateRunning, id("c2")),
		task("zbcdefghijklmnopqrstuvwx3", 3, api.TaskStateRunning, id("c3")),
	}}
	for name, want := range map[string]string{
		"api.2." + first: "c1", "api." + second: "c2", "api.zbcdefghijkl": "c3", "api.3.zbcdefghijkl": "c3", "api.3": "c3", "s1.3": "c3",
	} {
		if got, err := swarm.One(t.Context(), m, name); got.ContainerID != id(want) || err != nil {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	for name, want := range map[string]string{
		"api.2": "name one of api.2." + first + ", api.2." + second, "api.abcdefghijkl": "name one of api.2." + first + ", api.2." + second,
		"api.zbcdefghijk": "docker service ps api lists the tasks", "api.2.zbcdefghijkl": "docker service ps api lists the tasks",
	} {
		_, err := swarm.One(t.Context(), m, name)
		if known, ok := errors.AsType[*exit.Error](err); !ok || known.Hint != want {
			t.Errorf("%s: %v, want the hint %q", name, err, want)
		}
	}
}

func TestTasks(t *testing.T) {
	other := task("x", 1, api.TaskStateRunning, id("c9"))
	other.ServiceID = "s2"
	m := manager{tasks: []api.Task{
		task("t10", 10, api.TaskStateRunning, id("c10")), task("t2", 2, api.TaskStateRunning, id("c2")), task("t3", 3, api.TaskStateStarting, id("c3")),
		task("t4", 4, api.TaskStateRunning, ""), task("t5", 0, api.TaskStateRunning, id("c5")), other,
		task("t6", 6, api.TaskStateRunning, "../"+id("c6")[3:]),
	}}
	list, err := swarm.Tasks(t.Context(), m, "api")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, task := range list {
		names = append(names, task.Name+"="+strings.TrimLeft(task.ContainerID, "0")+"@"+task.Hostname)
	}
	if len(names) != 3 || names[0] != "api.2=c2@east" || names[1] != "api.n1=c5@east" && names[1] != "api.10=c10@east" {
		t.Errorf("%q", names)
	}
	for name, want := range map[string]string{"api.2": "c2", "api.10": "c10", "api.n1": "c5"} {
		if got, err := swarm.One(t.Context(), m, name); got.ContainerID != id(want) || err != nil {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	for _, name := range []string{"api", "api.3", "web.1", ".1"} {
		if got, err := swarm.One(t.Context(), m, name); err == nil {
			t.Errorf("%s: %+v", name, got)
		}
	}
	m.err = fmt.Errorf("This node is not a swarm manager: %w", errdefs.ErrUnavailable)
	_, err = swarm.Tasks(t.Context(), m, "api")
	if known, ok := errors.AsType[*exit.Error](err); !ok || known.Hint != "use the context of a manager of the swarm" {
		t.Errorf("%v", err)
	}
}
