package target_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/api/types/mount"
	"github.com/docker/docker/api/types/system"
	"github.com/docker/docker/client"

	"github.com/nsjoin/docker-nsjoin/pkg/engine/target"
)

// engine has one container and one image of the same name, web.
type engine struct {
	container container.InspectResponse
	image     image.InspectResponse
	err       error
}

func (e engine) ContainerInspect(_ context.Context, name string) (container.InspectResponse, error) {
	if e.container.ContainerJSONBase == nil || name != "web" {
		return e.container, cmpErr(e.err, errdefs.ErrNotFound)
	}
	return e.container, e.err
}

func (e engine) ImageInspect(_ context.Context, name string, _ ...client.ImageInspectOption) (image.InspectResponse, error) {
	if e.image.ID == "" || name != "web" {
		return e.image, cmpErr(e.err, errdefs.ErrNotFound)
	}
	return e.image, e.err
}

func (e engine) ServerVersion(context.Context) (types.Version, error) {
	return types.Version{Arch: "arm64"}, e.err
}

func (e engine) Info(context.Context) (system.Info, error) {
	return system.Info{OperatingSystem: "Docker Desktop"}, e.err
}

func cmpErr(first, second error) error {
	if first != nil {
		return first
	}
	return second
}

// created returns a container that was created with a path and arguments.
func created(path string, args, entrypoint, cmd []string) container.InspectResponse {
	return container.InspectResponse{
		ContainerJSONBase: &container.ContainerJSONBase{
			ID: "0f", Name: "/web", Path: path, Args: args, State: &container.State{Status: "created"}, HostConfig: &container.HostConfig{
				Tmpfs: map[string]string{"/run/": ""}, Mounts: []mount.Mount{{Type: mount.TypeTmpfs, Target: "/cache"}}, CapDrop: []string{"ALL"},
			},
		},
		Config: &container.Config{Image: "i", Entrypoint: entrypoint, Cmd: cmd, WorkingDir: "srv/../app"},
	}
}

func TestFind(t *testing.T) {
	ctx := context.Background()
	both := engine{container: created("/e", []string{"a"}, []string{"/e"}, []string{"a"})}
	if err := json.Unmarshal([]byte(`{"Id":"sha256:1","Os":"linux","Architecture":"arm64","Config":{"Cmd":["/i"]}}`), &both.image); err != nil {
		t.Fatal(err)
	}
	for typed, want := range map[string]target.Kind{"web": target.Container, "container:web": target.Container, "image:web": target.Image} {
		if got, err := target.Find(ctx, both, typed); err != nil || got.Kind != want {
			t.Errorf("%s: %+v, %v", typed, got, err)
		}
	}
	got, err := target.Find(ctx, both, "web")
	if err != nil || !slices.Equal(got.Command, []string{"/e", "a"}) || got.Dir != "/app" || !slices.Equal(got.Hidden, []string{"/cache", "/run"}) || got.Overrides || got.Running {
		t.Errorf("%+v, %v", got, err)
	}
	for typed, want := range map[string]string{
		"nosuch": `no such container or image: "nosuch"`, "container:nosuch": `no such container: "nosuch"`, "image:nosuch": `no such image: "nosuch"`,
		"container:": `"container:" has no name`, "image:": `"image:" has no name`, "": `"" has no name`,
	} {
		if _, err := target.Find(ctx, both, typed); err == nil || err.Error() != want {
			t.Errorf("%s: %v", typed, err)
		}
	}
	// Podman has the program among its arguments if there are no others.
	podman := engine{container: created("/e", []string{"/e"}, nil, []string{"/e"})}
	if got, err := target.Find(ctx, podman, "web"); err != nil || !slices.Equal(got.Command, []string{"/e"}) {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestRefusals(t *testing.T) {
	ctx := context.Background()
	down := errors.New("the engine is down")
	if _, err := target.Find(ctx, engine{err: down}, "web"); err == nil || !strings.Contains(err.Error(), down.Error()) {
		t.Errorf("%v", err)
	}
	if _, err := target.FindMachine(ctx, engine{err: down}); err == nil {
		t.Error("no error")
	}
	if m, err := target.FindMachine(ctx, engine{}); err != nil || m.Arch != "arm64" || !m.Desktop {
		t.Errorf("%+v, %v", m, err)
	}
	windows := created("x", nil, nil, []string{"x"})
	windows.Platform = "windows"
	dead := created("x", nil, nil, []string{"x"})
	dead.State.Dead = true
	for want, c := range map[string]container.InspectResponse{
		"is for Windows": windows, "is being removed": dead, "has no ID, state": {ContainerJSONBase: &container.ContainerJSONBase{}},
	} {
		if _, err := target.Find(ctx, engine{container: c}, "web"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}

func TestPath(t *testing.T) {
	for want, env := range map[string][]string{
		"/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin": {"A=1", "PATHS=/x"}, "/b": {"PATH=/a", "PATH=/b"}, "": {"PATH="},
	} {
		if got := (target.Target{Env: env}).Path(); got != want {
			t.Errorf("%q: %q", env, got)
		}
	}
}
