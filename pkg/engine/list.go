package engine

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/events"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/image"

	"github.com/nsjoin/docker-nsjoin/pkg/exit"
)

// Lister is the part of the engine's client that List needs.
type Lister interface {
	ContainerList(ctx context.Context, options container.ListOptions) ([]container.Summary, error)
}

// Container is a container as docker ps lists it.
type Container struct {
	ID, Name, Image, Command string
	ImageID                  string
	State, Status            string
	Created                  int64 // Unix time, in seconds
	Labels                   map[string]string
	Networks                 []string
	NetworkMode              string // as for docker run --network; containers are named by their ID
}

// Running reports whether a command can be run in it.
func (c Container) Running() bool { return c.State == container.StateRunning }

// ShortImage returns the image as docker ps shows it: its name, or a shortened ID if it has none.
func (c Container) ShortImage() string {
	digest, ok := strings.CutPrefix(c.Image, "sha256:")
	if !ok {
		return c.Image
	}
	return ShortID(digest)
}

// ShortID returns an ID as docker ps shows it.
func ShortID(id string) string {
	const shown = 12
	return id[:min(shown, len(id))]
}

// List returns the running and paused containers in the engine's order, without those in helperIDs,
// which is called after the engine has answered.
func List(ctx context.Context, engine Lister, helperIDs func() map[string]bool) ([]Container, error) {
	all, err := list(ctx, engine, filters.NewArgs())
	if len(all) == 0 {
		return nil, err
	}
	hidden := helperIDs()
	return slices.DeleteFunc(all, func(c Container) bool { return hidden[c.ID] }), nil
}

// ListAll returns all containers, running or not, as List does.
func ListAll(ctx context.Context, engine Lister, helperIDs func() map[string]bool) ([]Container, error) {
	all, err := listWith(ctx, engine, container.ListOptions{All: true})
	if len(all) == 0 {
		return nil, err
	}
	hidden := helperIDs()
	return slices.DeleteFunc(all, func(c Container) bool { return hidden[c.ID] }), nil
}

// ImageLister is the part of the engine's client that lists images.
type ImageLister interface {
	ImageList(ctx context.Context, options image.ListOptions) ([]image.Summary, error)
}

// ImageNames returns the names of the engine's images, with their tags.
func ImageNames(ctx context.Context, engine ImageLister) ([]string, error) {
	all, err := engine.ImageList(ctx, image.ListOptions{})
	if err != nil {
		return nil, explainList(err)
	}
	var names []string
	for _, i := range all {
		names = append(names, i.RepoTags...)
	}
	return slices.DeleteFunc(names, func(name string) bool { return strings.Contains(name, "<none>") }), nil
}

// MatchingIDs returns the IDs of the running and paused containers that match filters of docker ps:
// every key, by one of its values.
func MatchingIDs(ctx context.Context, engine Lister, wanted map[string][]string) (map[string]bool, error) {
	args := filters.NewArgs()
	for key, values := range wanted {
		for _, value := range values {
			args.Add(key, value)
		}
	}
	list, err := list(ctx, engine, args)
	ids := make(map[string]bool)
	for _, c := range list {
		ids[c.ID] = true
	}
	return ids, err
}

func list(ctx context.Context, engine Lister, args filters.Args) ([]Container, error) {
	for _, state := range []string{container.StateRunning, container.StatePaused} {
		args.Add("status", state) // Podman's service leaves paused ones out by default
	}
	return listWith(ctx, engine, container.ListOptions{Filters: args})
}

func listWith(ctx context.Context, engine Lister, options container.ListOptions) ([]Container, error) {
	summaries, err := engine.ContainerList(ctx, options)
	if err != nil {
		return nil, explainList(err)
	}
	all := make([]Container, 0, len(summaries))
	for _, s := range summaries {
		c := Container{
			ID: s.ID, Name: containerName(s.Names), Image: s.Image, ImageID: s.ImageID, Command: s.Command,
			State: s.State, Status: s.Status, Created: s.Created, Labels: s.Labels, NetworkMode: s.HostConfig.NetworkMode,
		}
		if s.NetworkSettings != nil {
			c.Networks = slices.Sorted(maps.Keys(s.NetworkSettings.Networks))
		}
		all = append(all, c)
	}
	return all, nil
}

// containerName returns the container's own name, not a name from a link (docker run --link).
func containerName(names []string) string {
	for _, name := range names {
		if name = strings.TrimPrefix(name, "/"); !strings.Contains(name, "/") {
			return name
		}
	}
	return ""
}

var errEmptyName = errors.New("the container's name is empty")

// Find finds a container as the engine does: by full ID, by name, by a prefix of its ID.
func Find(list []Container, name string) (Container, error) {
	name = strings.TrimPrefix(name, "/")
	if name == "" { // every ID begins with it
		return Container{}, errEmptyName
	}
	for _, matches := range []func(c Container) bool{
		func(c Container) bool { return c.ID == name },
		func(c Container) bool { return c.Name == name },
		func(c Container) bool { return strings.HasPrefix(c.ID, name) },
	} {
		if i := slices.IndexFunc(list, matches); i >= 0 {
			if slices.ContainsFunc(list[i+1:], matches) {
				return Container{}, exit.Hint(fmt.Errorf("find container %q: several container IDs begin with it", name), "type more of the ID, or the name")
			}
			return list[i], nil
		}
	}
	return Container{}, exit.Hint(&NoneRunningError{name}, "docker ps lists the running containers")
}

// NoneRunningError says that no running container has this name or ID.
type NoneRunningError struct{ Name string }

func (e *NoneRunningError) Error() string {
	return fmt.Sprintf("no such running container: %q", e.Name)
}

// maxInspects limits concurrent requests.
const maxInspects = 8

// PIDs returns the pid of each container's first process, by container ID. A container without one is left
// out. So is a container for which the engine returns an error, unless there is no other: engines report in
// several ways that a container is gone.
func PIDs(ctx context.Context, engine Inspector, ids []string) (map[string]int, error) {
	found := make(map[string]int)
	failed := inspectAll(ctx, engine, ids, func(id string, c container.InspectResponse) {
		if c.State != nil && c.State.Pid > 0 {
			found[id] = c.State.Pid
		}
	})
	if len(found) > 0 {
		return found, nil
	}
	return found, failed
}

// FillNetworkModes asks for the network of each container whose NetworkMode is not known: Podman's list does not have it. A
// container for which that fails is left as it is.
func FillNetworkModes(ctx context.Context, engine Inspector, list []Container) {
	var ids []string
	for _, c := range list {
		if c.NetworkMode == "" {
			ids = append(ids, c.ID)
		}
	}
	modes := make(map[string]string)
	_ = inspectAll(ctx, engine, ids, func(id string, c container.InspectResponse) {
		if c.HostConfig != nil {
			modes[id] = string(c.HostConfig.NetworkMode)
		}
	})
	for i := range list {
		if mode := modes[list[i].ID]; mode != "" {
			list[i].NetworkMode = mode
		}
	}
}

// inspectAll calls use, one at a time, with the engine's answer about each container that exists. It returns another error of
// the engine.
func inspectAll(ctx context.Context, engine Inspector, ids []string, use func(id string, c container.InspectResponse)) error {
	var (
		failed error
		mu     sync.Mutex
		wg     sync.WaitGroup
		slots  = make(chan struct{}, maxInspects)
	)
	for _, id := range ids {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			c, err := engine.ContainerInspect(ctx, id)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case errdefs.IsNotFound(err):
			case err != nil:
				failed = explain(err, id)
			case c.ContainerJSONBase != nil:
				use(id, c)
			}
		})
	}
	wg.Wait()
	return failed
}

// Eventer is the part of the engine's client that Changes needs.
type Eventer interface {
	Events(ctx context.Context, options events.ListOptions) (<-chan events.Message, <-chan error)
}

// Changes sends when a container was started, paused or renamed, or has ended. Changes that come before the
// receiver is ready are sent as one. When the engine's stream ends, nothing more is sent.
func Changes(ctx context.Context, engine Eventer) <-chan struct{} {
	args := filters.NewArgs(filters.Arg("type", string(events.ContainerEventType)))
	for _, action := range []events.Action{
		events.ActionStart, events.ActionDie, events.ActionPause, events.ActionUnPause, events.ActionRename,
	} {
		args.Add("event", string(action))
	}
	messages, failed := engine.Events(ctx, events.ListOptions{Filters: args})
	changes := make(chan struct{}, 1)
	go func() {
		for {
			select {
			case <-messages:
			case err := <-failed:
				_ = err // the caller still polls
				return
			}
			select {
			case changes <- struct{}{}:
			default:
			}
		}
	}()
	return changes
}
