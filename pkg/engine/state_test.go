package engine_test

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/docker/docker/api/types/container"

	"github.com/nsjoin/docker-nsjoin/pkg/engine"
	"github.com/nsjoin/docker-nsjoin/pkg/exit"
	"github.com/nsjoin/docker-nsjoin/pkg/ns"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

// fake is an engine with these containers. A real engine can't be kept in most of the states, or
// return an incomplete answer.
type fake struct {
	containers map[string]container.InspectResponse
	asked      []string
}

func (f *fake) ContainerInspect(_ context.Context, name string) (container.InspectResponse, error) {
	f.asked = append(f.asked, name)
	c, ok := f.containers[name]
	if !ok {
		return container.InspectResponse{}, errors.New("the test has no container " + name)
	}
	return c, nil
}

func inspectResponse(id string, st *container.State, env ...string) container.InspectResponse {
	return container.InspectResponse{
		ContainerJSONBase: &container.ContainerJSONBase{ID: id, State: st},
		Config:            &container.Config{Env: env},
	}
}

func runningState(pid int) *container.State {
	return &container.State{Status: container.StateRunning, Running: true, Pid: pid}
}

func containerSource(name string) request.Source {
	return request.Source{From: request.FromContainer, Name: name}
}

func pidSource(pid int) request.Source {
	return request.Source{From: request.FromPID, PID: pid}
}

// report returns what the user sees of err, whose status is exit.Failed.
func report(t *testing.T, err error) string {
	t.Helper()
	var b strings.Builder
	if status := exit.Plugin.Report(&b, err); status != exit.Failed {
		t.Errorf("status %d, want %d", status, exit.Failed)
	}
	return b.String()
}

// The states are those of moby's container.State, with its contradictions: a paused or restarting
// container also counts as running.
func TestContainerThatIsNotRunningIsRefused(t *testing.T) {
	for _, row := range []struct {
		name  string
		state container.State
		want  string
	}{
		{
			"paused",
			container.State{Status: container.StatePaused, Running: true, Paused: true, Pid: 42},
			"container \"web\" is paused\nhint: docker unpause web\n",
		},
		{
			"restarting, between two runs",
			container.State{Status: container.StateRestarting, Running: true, Restarting: true},
			"container \"web\" is restarting\nhint: wait until docker ps shows that it is up\n",
		},
		{
			"restarting, with the pid of its last process",
			container.State{Status: container.StateRestarting, Running: true, Restarting: true, Pid: 42},
			"container \"web\" is restarting\nhint: wait until docker ps shows that it is up\n",
		},
		{
			"created",
			container.State{Status: container.StateCreated},
			"container \"web\" was created but never started\nhint: docker start web\n",
		},
		{
			"exited",
			container.State{Status: container.StateExited, ExitCode: 1},
			"container \"web\" has exited\nhint: docker start web\n",
		},
		{
			"exited, with the pid of its last process",
			container.State{Status: container.StateExited, Pid: 42},
			"container \"web\" has exited\nhint: docker start web\n",
		},
		{
			"dead",
			container.State{Status: container.StateDead, Dead: true},
			"container \"web\" is being removed\n",
		},
		{
			"removing",
			container.State{Status: container.StateRemoving},
			"container \"web\" is being removed\n",
		},
		{
			"running without a process",
			container.State{Status: container.StateRunning, Running: true},
			"container \"web\" is not running\n",
		},
		{
			"running with a negative pid",
			container.State{Status: container.StateRunning, Running: true, Pid: -1},
			"container \"web\" is not running\n",
		},
		{
			"an unknown state",
			container.State{Status: "hibernating", Pid: 42},
			"container \"web\" is not running\n",
		},
		{
			"no state",
			container.State{},
			"container \"web\" is not running\n",
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			f := &fake{containers: map[string]container.InspectResponse{"web": inspectResponse("0f", &row.state)}}
			r := &request.Request{Base: containerSource("web"), Take: ns.All()}
			_, err := engine.Resolve(t.Context(), f, r)
			got := report(t, err)
			if want := "docker nsjoin: " + row.want; got != want {
				t.Errorf("got %q\nwant %q", got, want)
			}
			if r.Base.PID != 0 || r.Base.Container != nil {
				t.Errorf("Resolve has set %+v although it failed", r.Base)
			}
		})
	}
}

func TestResolveRunningContainer(t *testing.T) {
	f := &fake{containers: map[string]container.InspectResponse{
		"web": inspectResponse("0f5eaf3c", runningState(42), "A=1", "PATH=/bin"),
	}}
	r := &request.Request{Base: containerSource("web"), Take: ns.All()}
	if _, err := engine.Resolve(t.Context(), f, r); err != nil {
		t.Fatal(err)
	}
	want := containerSource("web")
	want.PID = 42
	want.Container = &request.Container{ID: "0f5eaf3c", Env: []string{"A=1", "PATH=/bin"}}
	if !reflect.DeepEqual(r.Base, want) {
		t.Errorf("got %+v with %+v\nwant %+v with %+v", r.Base, r.Base.Container, want, want.Container)
	}
}

func TestResolveUserAndGroups(t *testing.T) {
	answer := inspectResponse("0f", runningState(42))
	answer.Config.User = "web:www"
	answer.HostConfig = &container.HostConfig{GroupAdd: []string{"audio", "27"}, Resources: container.Resources{CgroupParent: "/docker/1f"}}
	f := &fake{containers: map[string]container.InspectResponse{"web": answer}}
	r := &request.Request{Base: containerSource("web"), Take: ns.All()}
	if _, err := engine.Resolve(t.Context(), f, r); err != nil {
		t.Fatal(err)
	}
	want := &request.Container{ID: "0f", User: "web:www", GroupAdd: []string{"audio", "27"}, CgroupParent: "/docker/1f"}
	if !reflect.DeepEqual(r.Base.Container, want) {
		t.Errorf("got %+v, want %+v", r.Base.Container, want)
	}
}

func TestIncompleteAnswerIsRefused(t *testing.T) {
	whole := inspectResponse("0f", runningState(42))
	for name, answer := range map[string]container.InspectResponse{
		"nothing":   {},
		"no base":   {Config: whole.Config},
		"no state":  {ContainerJSONBase: &container.ContainerJSONBase{ID: "0f"}, Config: whole.Config},
		"no config": {ContainerJSONBase: whole.ContainerJSONBase},
	} {
		t.Run(name, func(t *testing.T) {
			f := &fake{containers: map[string]container.InspectResponse{"web": answer}}
			_, err := engine.Resolve(t.Context(), f, &request.Request{Base: containerSource("web")})
			const want = "docker nsjoin: find container \"web\": the engine's answer has no ID, state or configuration\n"
			if got := report(t, err); got != want {
				t.Errorf("got %q\nwant %q", got, want)
			}
		})
	}
}

// A command outside the paused container's cgroups is not frozen with it, and a request that only looks
// runs nothing there.
func TestPausedContainerAllowsSingleNamespaces(t *testing.T) {
	paused := &container.State{Status: container.StatePaused, Running: true, Paused: true, Pid: 42}
	running := &container.State{Status: container.StateRunning, Running: true, Pid: 43}
	for name, row := range map[string]struct {
		r       request.Request
		refused bool
	}{
		"its network":           {request.Request{Base: containerSource("web"), Take: ns.SetOf(ns.Net, ns.PID)}, false},
		"its network in app":    {request.Request{Base: containerSource("app"), Take: ns.All(), Overrides: map[ns.Kind]request.Source{ns.Net: containerSource("web")}}, false},
		"all but its mounts":    {request.Request{Base: containerSource("web"), Take: ns.All(), Overrides: map[ns.Kind]request.Source{ns.Mnt: request.Host()}}, false},
		"a look":                {request.Request{Base: containerSource("web"), Take: ns.All(), Inspect: true}, false},
		"its mounts":            {request.Request{Base: containerSource("web"), Take: ns.SetOf(ns.Mnt)}, true},
		"its mounts over app's": {request.Request{Base: containerSource("app"), Take: ns.All(), Overrides: map[ns.Kind]request.Source{ns.Mnt: containerSource("web")}}, true},
	} {
		f := &fake{containers: map[string]container.InspectResponse{"web": inspectResponse("0f", paused), "app": inspectResponse("1f", running)}}
		_, err := engine.Resolve(t.Context(), f, &row.r)
		if refused := err != nil; refused != row.refused {
			t.Errorf("%s: %v, want it refused: %t", name, err, row.refused)
		}
	}
}
