package engine_test

import (
	"context"
	"reflect"
	"slices"
	"testing"

	"github.com/docker/docker/api/types/container"

	"github.com/nsjoin/docker-nsjoin/pkg/engine"
	"github.com/nsjoin/docker-nsjoin/pkg/ns"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

func newFake() *fake {
	return &fake{containers: map[string]container.InspectResponse{
		"web":  inspectResponse("0f", runningState(42), "A=1"),
		"app":  inspectResponse("1e", runningState(43)),
		"gone": inspectResponse("2d", &container.State{Status: container.StateExited}),
	}}
}

func resolvedSource(name, id string, pid int, env ...string) request.Source {
	s := containerSource(name)
	s.PID, s.Container = pid, &request.Container{ID: id, Env: env}
	return s
}

func TestResolveFillsInEverySource(t *testing.T) {
	r := &request.Request{
		Version: request.Version, Base: containerSource("web"), Take: ns.All(), Command: []string{"ls"}, Terminal: request.TerminalNever,
		Overrides: map[ns.Kind]request.Source{
			ns.Net: containerSource("app"), ns.IPC: request.Host(), ns.UTS: pidSource(7), ns.PID: containerSource("web"),
		},
	}
	want := *r
	want.Base = resolvedSource("web", "0f", 42, "A=1")
	want.Overrides = map[ns.Kind]request.Source{
		ns.Net: resolvedSource("app", "1e", 43), ns.IPC: request.Host(), ns.UTS: pidSource(7), ns.PID: resolvedSource("web", "0f", 42, "A=1"),
	}
	if _, err := engine.Resolve(t.Context(), newFake(), r); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(*r, want) {
		t.Errorf("resolved %+v\nwant %+v", *r, want)
	}
}

func TestResolveInspectsEachContainerOnce(t *testing.T) {
	for _, row := range []struct {
		name    string
		base    request.Source
		instead map[ns.Kind]request.Source
		want    []string
	}{
		{"the host", request.Host(), nil, nil},
		{"a process", pidSource(7), map[ns.Kind]request.Source{ns.Net: request.Host()}, nil},
		{"a container", containerSource("web"), nil, []string{"web"}},
		{
			"a container named three times",
			containerSource("web"),
			map[ns.Kind]request.Source{ns.Net: containerSource("web"), ns.PID: containerSource("web")},
			[]string{"web"},
		},
		{
			"a container named twice besides the base",
			containerSource("web"),
			map[ns.Kind]request.Source{ns.Net: containerSource("app"), ns.PID: containerSource("app")},
			[]string{"web", "app"},
		},
		{"a container that is not the base", request.Host(), map[ns.Kind]request.Source{ns.Net: containerSource("app")}, []string{"app"}},
		{
			"in the order of the kinds",
			request.Host(),
			map[ns.Kind]request.Source{ns.UTS: containerSource("web"), ns.Cgroup: containerSource("app")},
			[]string{"app", "web"},
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			f := newFake()
			r := &request.Request{Base: row.base, Overrides: row.instead}
			if _, err := engine.Resolve(t.Context(), f, r); err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(f.asked, row.want) {
				t.Errorf("asked for %q, want %q", f.asked, row.want)
			}
		})
	}
}

func TestStoppedContainerOfSingleKindIsRefused(t *testing.T) {
	f := newFake()
	r := &request.Request{Base: containerSource("web"), Overrides: map[ns.Kind]request.Source{ns.Net: containerSource("gone"), ns.UTS: containerSource("app")}}
	_, err := engine.Resolve(t.Context(), f, r)
	got := report(t, err)
	if want := "docker nsjoin: container \"gone\" has exited\nhint: docker start gone\n"; got != want {
		t.Errorf("got %q\nwant %q", got, want)
	}
	if want := []string{"web", "gone"}; !slices.Equal(f.asked, want) {
		t.Errorf("asked for %q, want %q and no more", f.asked, want)
	}
}

type key struct{}

func TestContextReachesTheEngine(t *testing.T) {
	ctx := context.WithValue(t.Context(), key{}, "ours")
	var got any
	_, err := engine.Resolve(ctx, inspectorFunc(func(ctx context.Context) { got = ctx.Value(key{}) }), &request.Request{Base: containerSource("web")})
	if err != nil {
		t.Fatal(err)
	}
	if got != "ours" {
		t.Errorf("the request's context has the value %v", got)
	}
}

type inspectorFunc func(context.Context)

func (f inspectorFunc) ContainerInspect(ctx context.Context, _ string) (container.InspectResponse, error) {
	f(ctx)
	return inspectResponse("0f", runningState(42)), nil
}
