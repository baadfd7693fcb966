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

// Lister is what List needs of the engine's client.
type Lister interface {
	ContainerList(ctx context.Context, options container.ListOptions) ([]container.Summary, error)
}

// Container is what docker ps says of one.
type Container struct {
	ID, Name, Image, Command string
	ImageID                  string
	State, Status            string
	Created                  int64 // Unix time
	Labels                   map[string]string
	Networks                 []string
}

// Running tells whether a command can be run in it.
func (c Container) Running() bool { return c.State == container.StateRunning }

// List is the containers that have processes, as the engine orders them, without those
// whose IDs ours returns: it is asked after the engine.
func List(ctx context.Context, engine Lister, ours func() map[string]bool) ([]Container, error) {
	all, err := list(ctx, engine, filters.NewArgs())
	if len(all) == 0 {
		return nil, err
	}
	hidden := ours()
	return slices.DeleteFunc(all, func(c Container) bool { return hidden[c.ID] }), nil
}

// Matching are the IDs of those that all filters of docker ps hold for: of a key's
// values one.
func Matching(ctx context.Context, engine Lister, wanted map[string][]string) (map[string]bool, error) {
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
		args.Add("status", state) // Podman's service leaves paused ones out by itself
	}
	summaries, err := engine.ContainerList(ctx, container.ListOptions{Filters: args})
	if err != nil {
		return nil, explainList(err)
	}
	all := make([]Container, 0, len(summaries))
	for _, s := range summaries {
		c := Container{
			ID: s.ID, Name: ownName(s.Names), Image: s.Image, ImageID: s.ImageID, Command: s.Command,
			State: s.State, Status: s.Status, Created: s.Created, Labels: s.Labels,
		}
		if s.NetworkSettings != nil {
			c.Networks = slices.Sorted(maps.Keys(s.NetworkSettings.Networks))
		}
		all = append(all, c)
	}
	return all, nil
}

// ownName is the name that a user gave: not one that a link gave.
func ownName(names []string) string {
	for _, name := range names {
		if name = strings.TrimPrefix(name, "/"); !strings.Contains(name, "/") {
			return name
		}
	}
	return ""
}

// Find finds a container as the engine does: by full ID, by name, by the
// beginning of its ID.
func Find(list []Container, name string) (Container, error) {
	name = strings.TrimPrefix(name, "/")
	for _, same := range []func(c Container) bool{
		func(c Container) bool { return c.ID == name },
		func(c Container) bool { return c.Name == name },
		func(c Container) bool { return strings.HasPrefix(c.ID, name) },
	} {
		if i := slices.IndexFunc(list, same); i >= 0 {
			if slices.ContainsFunc(list[i+1:], same) {
				return Container{}, fmt.Errorf("find container %q: several IDs begin with that", name)
			}
			return list[i], nil
		}
	}
	return Container{}, exit.Hint(fmt.Errorf("no such running container: %q", name), "docker ps lists the running ones")
}

// pidsAtOnce is how many containers the engine is asked for at a time.
const pidsAtOnce = 8

// PIDs asks for the first process of each container, by ID. One that has none any
// more is left out, and one that the engine can't tell of, unless that is all:
// engines have several words for one that is gone.
func PIDs(ctx context.Context, engine Inspector, ids []string) (map[string]int, error) {
	var (
		found  = make(map[string]int)
		failed error
		lock   sync.Mutex
		all    sync.WaitGroup
		places = make(chan struct{}, pidsAtOnce)
	)
	for _, id := range ids {
		places <- struct{}{}
		all.Go(func() {
			defer func() { <-places }()
			c, err := engine.ContainerInspect(ctx, id)
			lock.Lock()
			defer lock.Unlock()
			switch {
			case errdefs.IsNotFound(err):
			case err != nil:
				failed = explain(err, id)
			case c.ContainerJSONBase != nil && c.State != nil && c.State.Pid > 0:
				found[id] = c.State.Pid
			}
		})
	}
	all.Wait()
	if len(found) > 0 {
		return found, nil
	}
	return found, failed
}
