package engine

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"

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
}

// Running reports whether a command can be run in it.
func (c Container) Running() bool { return c.State == container.StateRunning }

// ShortImage returns the image as docker ps shows it: an ID is shortened where it has no name.
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
	summaries, err := engine.ContainerList(ctx, container.ListOptions{Filters: args})
	if err != nil {
		return nil, explainList(err)
	}
	all := make([]Container, 0, len(summaries))
	for _, s := range summaries {
		c := Container{
			ID: s.ID, Name: containerName(s.Names), Image: s.Image, ImageID: s.ImageID, Command: s.Command,
			State: s.State, Status: s.Status, Created: s.Created, Labels: s.Labels,
		}
		if s.NetworkSettings != nil {
			c.Networks = slices.Sorted(maps.Keys(s.NetworkSettings.Networks))
		}
		all = append(all, c)
	}
	return all, nil
}

// containerName returns the container's own name, not one that a link gave it.
func containerName(names []string) string {
	for _, name := range names {
		if name = strings.TrimPrefix(name, "/"); !strings.Contains(name, "/") {
			return name
		}
	}
	return ""
}

// Find finds a container as the engine does: by full ID, by name, by a prefix of its ID.
func Find(list []Container, name string) (Container, error) {
	name = strings.TrimPrefix(name, "/")
	for _, matches := range []func(c Container) bool{
		func(c Container) bool { return c.ID == name },
		func(c Container) bool { return c.Name == name },
		func(c Container) bool { return strings.HasPrefix(c.ID, name) },
	} {
		if i := slices.IndexFunc(list, matches); i >= 0 {
			if slices.ContainsFunc(list[i+1:], matches) {
				return Container{}, fmt.Errorf("find container %q: several container IDs start with it", name)
			}
			return list[i], nil
		}
	}
	return Container{}, exit.Hint(fmt.Errorf("no such running container: %q", name), "docker ps lists the running containers")
}

// maxInspects limits concurrent requests.
const maxInspects = 8

// PIDs returns the first process of each container, by ID. A container without one is left out. So is
// one that the engine gives an error for, unless there is no other: engines report a container
// that is gone in several ways.
func PIDs(ctx context.Context, engine Inspector, ids []string) (map[string]int, error) {
	var (
		found  = make(map[string]int)
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
			case c.ContainerJSONBase != nil && c.State != nil && c.State.Pid > 0:
				found[id] = c.State.Pid
			}
		})
	}
	wg.Wait()
	if len(found) > 0 {
		return found, nil
	}
	return found, failed
}
