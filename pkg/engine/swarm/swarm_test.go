package swarm_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	api "github.com/docker/docker/api/types/swarm"

	"github.com/nsjoin/docker-nsjoin/pkg/engine/swarm"
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
	for name, want := range map[string]string{"api.2": "c2", "api.10": "c10", "api.n1": "c5", "api.t2": "c2"} {
		if got, err := swarm.One(t.Context(), m, name); got.ContainerID != id(want) || err != nil {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	for _, name := range []string{"api", "api.3", "web.1", ".1"} {
		if got, err := swarm.One(t.Context(), m, name); err == nil {
			t.Errorf("%s: %+v", name, got)
		}
	}
	m.err = errors.New("This node is not a swarm manager")
	if _, err := swarm.Tasks(t.Context(), m, "api"); err == nil {
		t.Error("no error")
	}
}
