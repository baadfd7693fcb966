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

func host() *fake {
	return &fake{containers: map[string]container.InspectResponse{
		"web":  inspected("0f", running(42), "A=1"),
		"app":  inspected("1e", running(43)),
		"gone": inspected("2d", &container.State{Status: container.StateExited}),
	}}
}

func found(name, id string, pid int, env ...string) request.Source {
	s := named(name)
	s.PID, s.Container = pid, &request.Container{ID: id, Env: env}
	return s
}

func TestEverySourceIsFilledIn(t *testing.T) {
	r := &request.Request{
		Version: request.Version, Base: named("web"), Take: ns.All(), Command: []string{"ls"}, Terminal: request.TerminalNever,
		Overrides: map[ns.Kind]request.Source{
			ns.Net: named("app"), ns.IPC: request.Host(), ns.UTS: process(7), ns.PID: named("web"),
		},
	}
	want := *r
	want.Base = found("web", "0f", 42, "A=1")
	want.Overrides = map[ns.Kind]request.Source{
		ns.Net: found("app", "1e", 43), ns.IPC: request.Host(), ns.UTS: process(7), ns.PID: found("web", "0f", 42, "A=1"),
	}
	if _, err := engine.Resolve(t.Context(), host(), r); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(*r, want) {
		t.Errorf("resolved %+v\nwant %+v", *r, want)
	}
}

func TestEachContainerIsAskedForOnce(t *testing.T) {
	for _, row := range []struct {
		name    string
		base    request.Source
		instead map[ns.Kind]request.Source
		want    []string
	}{
		{"the host asks for none", request.Host(), nil, nil},
		{"a process asks for none", process(7), map[ns.Kind]request.Source{ns.Net: request.Host()}, nil},
		{"one", named("web"), nil, []string{"web"}},
		{
			"one that is named three times",
			named("web"),
			map[ns.Kind]request.Source{ns.Net: named("web"), ns.PID: named("web")},
			[]string{"web"},
		},
		{
			"one that is named twice beside a base",
			named("web"),
			map[ns.Kind]request.Source{ns.Net: named("app"), ns.PID: named("app")},
			[]string{"web", "app"},
		},
		{"one that is no base", request.Host(), map[ns.Kind]request.Source{ns.Net: named("app")}, []string{"app"}},
		{
			"the kinds in their order",
			request.Host(),
			map[ns.Kind]request.Source{ns.UTS: named("web"), ns.Cgroup: named("app")},
			[]string{"app", "web"},
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			f := host()
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

func TestSourceOfASingleKindIsRefusedLikeABase(t *testing.T) {
	f := host()
	r := &request.Request{Base: named("web"), Overrides: map[ns.Kind]request.Source{ns.Net: named("gone"), ns.UTS: named("app")}}
	_, err := engine.Resolve(t.Context(), f, r)
	got := reported(t, err)
	if want := "docker nsjoin: container \"gone\" has exited\nhint: docker start gone\n"; got != want {
		t.Errorf("it says %q\nwant %q", got, want)
	}
	if want := []string{"web", "gone"}; !slices.Equal(f.asked, want) {
		t.Errorf("asked for %q, want %q and no more", f.asked, want)
	}
}

type key struct{}

func TestContextReachesTheEngine(t *testing.T) {
	ctx := context.WithValue(t.Context(), key{}, "ours")
	var got any
	_, err := engine.Resolve(ctx, inspector(func(ctx context.Context) { got = ctx.Value(key{}) }), &request.Request{Base: named("web")})
	if err != nil {
		t.Fatal(err)
	}
	if got != "ours" {
		t.Errorf("the engine is asked with the context of %v", got)
	}
}

type inspector func(context.Context)

func (f inspector) ContainerInspect(ctx context.Context, _ string) (container.InspectResponse, error) {
	f(ctx)
	return inspected("0f", running(42)), nil
}
