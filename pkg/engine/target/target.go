// Package target finds a container, running or not, or a local image, and says what it starts. Nothing is pulled.
package target

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/api/types/mount"
	"github.com/docker/docker/api/types/system"
	"github.com/docker/docker/client"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/nsjoin/docker-nsjoin/pkg/engine"
	"github.com/nsjoin/docker-nsjoin/pkg/engine/scratch"
	"github.com/nsjoin/docker-nsjoin/pkg/exit"
)

// Client is the part of the engine's client that finds containers and images.
type Client interface {
	engine.Inspector
	ImageInspect(ctx context.Context, name string, options ...client.ImageInspectOption) (image.InspectResponse, error)
	ServerVersion(ctx context.Context) (types.Version, error)
	Info(ctx context.Context) (system.Info, error)
}

// Kind is what a name means.
type Kind string

// The kinds.
const (
	Container Kind = "container"
	Image     Kind = "image"
)

// Target is a container or an image, and what it starts.
type Target struct {
	Kind  Kind
	ID    string
	Name  string
	Image string // of a container: as it was created with

	// Entrypoint, Cmd and Shell are of the configuration. Command is what is started: Entrypoint and Cmd, as the
	// engine joined them for a container.
	Entrypoint, Cmd, Shell []string
	Command                []string
	User                   string
	Groups                 []string // docker run --group-add
	Dir                    string   // never ""
	Env                    []string

	// State is what docker ps shows of a container, such as exited. Status is its exit status, and Failure the
	// engine's message if its last start has failed.
	State   string
	Running bool
	Status  int
	Failure string

	// Hidden are the tmpfs of a container, which are empty when it starts. The engine does not show their files.
	Hidden []string
	// Overrides says that its root may open and enter all files.
	Overrides bool
	// Platform is an image's.
	Platform *ocispec.Platform
}

// Find finds a container or image by what the user typed: a name, an ID or a prefix of it. A container comes first, as
// with docker inspect. container:NAME and image:NAME are explicit.
func Find(ctx context.Context, engine Client, typed string) (Target, error) {
	name, isContainer := strings.CutPrefix(typed, "container:")
	image, isImage := strings.CutPrefix(typed, "image:")
	if name == "" || isImage && image == "" {
		return Target{}, exit.Hint(fmt.Errorf("%q has no name", typed), "docker ps --all lists the containers, docker image ls the images")
	}
	if !isImage {
		t, err := findContainer(ctx, engine, name)
		if isContainer || !errors.Is(err, ErrNone) {
			return t, noneNamed(err, fmt.Sprintf("container: %q", name), "docker ps --all lists the containers")
		}
		image = name
	}
	t, err := findImage(ctx, engine, image)
	if isImage {
		return t, noneNamed(err, fmt.Sprintf("image: %q", image), "docker image ls lists the images; docker pull gets another one")
	}
	return t, noneNamed(err, fmt.Sprintf("container or image: %q", typed), "docker ps --all lists the containers, docker image ls the images; nothing is pulled")
}

// ErrNone says that the engine has nothing of that name.
var ErrNone = errors.New("the engine has none of that name")

// noneError is ErrNone about something.
type noneError struct{ what string }

func (e *noneError) Error() string        { return "no such " + e.what }
func (e *noneError) Is(target error) bool { return target == ErrNone }

func noneNamed(err error, what, hint string) error {
	if !errors.Is(err, ErrNone) {
		return err
	}
	return exit.Hint(&noneError{what}, "%s", hint)
}

func findContainer(ctx context.Context, from Client, name string) (Target, error) {
	c, err := from.ContainerInspect(ctx, name)
	switch {
	case errdefs.IsNotFound(err), errdefs.IsInvalidArgument(err): // a name with a colon or a slash is an image's
		return Target{}, ErrNone
	case err != nil:
		return Target{}, engine.ExplainAs(err, fmt.Sprintf("ask the engine for container %q", name), fmt.Sprintf("find container %q", name))
	case c.ContainerJSONBase == nil || c.State == nil || c.Config == nil || c.ID == "":
		return Target{}, fmt.Errorf("find container %q: the engine's answer has no ID, state or configuration", name)
	}
	if c.State.Dead || c.State.Status == "removing" {
		return Target{}, fmt.Errorf("container %q is being removed", name)
	}
	t := Target{
		Kind: Container, ID: c.ID, Name: strings.TrimPrefix(c.Name, "/"), Image: c.Config.Image,
		Entrypoint: c.Config.Entrypoint, Cmd: c.Config.Cmd, Shell: c.Config.Shell,
		User: c.Config.User, Dir: path.Join("/", c.Config.WorkingDir), Env: c.Config.Env,
		State: c.State.Status, Running: c.State.Running && !c.State.Restarting, Status: c.State.ExitCode, Failure: c.State.Error,
		Overrides: engine.Overrides(c.HostConfig),
	}
	switch {
	case c.Path == "":
	case slices.Equal(c.Args, slices.Concat(c.Config.Entrypoint, c.Config.Cmd)):
		t.Command = c.Args // Podman repeats a program without arguments
	default:
		t.Command = append([]string{c.Path}, c.Args...)
	}
	if c.HostConfig != nil {
		t.Groups = c.HostConfig.GroupAdd
		for dir := range c.HostConfig.Tmpfs {
			t.Hidden = append(t.Hidden, path.Join("/", dir))
		}
		for _, m := range c.HostConfig.Mounts {
			if m.Type == mount.TypeTmpfs {
				t.Hidden = append(t.Hidden, path.Join("/", m.Target))
			}
		}
	}
	slices.Sort(t.Hidden)
	return t, checkPlatform(c.Platform, t)
}

func findImage(ctx context.Context, from Client, name string) (Target, error) {
	i, err := from.ImageInspect(ctx, name)
	switch {
	case errdefs.IsNotFound(err), errdefs.IsInvalidArgument(err):
		return Target{}, ErrNone
	case err != nil:
		return Target{}, engine.ExplainAs(err, fmt.Sprintf("ask the engine for image %q", name), fmt.Sprintf("find image %q", name))
	case i.ID == "" || i.Config == nil:
		return Target{}, fmt.Errorf("find image %q: the engine's answer has no ID or configuration", name)
	}
	t := Target{
		Kind: Image, ID: i.ID, Name: name,
		Entrypoint: i.Config.Entrypoint, Cmd: i.Config.Cmd, Shell: i.Config.Shell,
		Command: slices.Concat(i.Config.Entrypoint, i.Config.Cmd),
		User:    i.Config.User, Dir: path.Join("/", i.Config.WorkingDir), Env: i.Config.Env,
		Overrides: true, Platform: scratch.ParsePlatform(i.Os, i.Architecture, i.Variant),
	}
	return t, checkPlatform(i.Os, t)
}

// checkPlatform refuses Windows containers.
func checkPlatform(os string, t Target) error {
	if os == "windows" {
		return fmt.Errorf("%s %q is for Windows: only Linux containers can be examined", t.Kind, t.Name)
	}
	return nil
}

// Machine is where the engine runs its containers.
type Machine struct {
	Arch string // as Go names it
	// Desktop says that it is Docker Desktop's virtual machine, which emulates other architectures.
	Desktop bool
	// Podman says that the engine is Podman's service.
	Podman bool
}

// FindArch asks the engine for the architecture of its machine, as Go names it.
func FindArch(ctx context.Context, from Client) (string, error) {
	version, err := findVersion(ctx, from)
	return version.Arch, err
}

func findVersion(ctx context.Context, from Client) (types.Version, error) {
	version, err := from.ServerVersion(ctx)
	if err != nil {
		return types.Version{}, engine.ExplainAs(err, "ask the engine for its version", "find out the engine's architecture")
	}
	return version, nil
}

// FindMachine asks the engine for its machine.
func FindMachine(ctx context.Context, from Client) (Machine, error) {
	version, err := findVersion(ctx, from)
	if err != nil {
		return Machine{}, err
	}
	info, err := from.Info(ctx)
	if err != nil {
		return Machine{}, engine.ExplainAs(err, "ask the engine for its system", "find out the engine's system")
	}
	return Machine{Arch: version.Arch, Desktop: info.OperatingSystem == "Docker Desktop", Podman: engine.IsPodman(version)}, nil
}

// Path returns the program search path of the target's environment, or the engine's default.
func (t Target) Path() string {
	const fallback = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
	found := fallback
	for _, assignment := range t.Env {
		if value, ok := strings.CutPrefix(assignment, "PATH="); ok {
			found = value
		}
	}
	return found
}
