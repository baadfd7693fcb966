package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/events"
	"github.com/docker/docker/api/types/network"

	"github.com/nsjoin/docker-nsjoin/pkg/exit"
)

// Files are what an engine keeps of its containers.
type Files interface {
	IDs() ([]string, error)
	Read(id, file string) ([]byte, error)
}

// Offline answers what an engine would, from its files, where it does not answer itself. A file
// says which ID a name means and how the container was made, which does not change while it
// runs. Whether it runs, and as which process, is what First finds out.
type Offline struct {
	Files Files
	// First finds and proves the first processes of containers, by ID. What the files claim
	// they are, or 0, is given: the engine may have restarted a container since.
	First func(ctx context.Context, claimed map[string]int) (map[string]int, error)
}

var (
	_ Inspector = (*Offline)(nil)
	_ Lister    = (*Offline)(nil)
	_ Eventer   = (*Offline)(nil)
)

// kept is what is used of config.v2.json, moby's daemon/container.Container.
type kept struct {
	ID      string
	Name    string
	Created time.Time
	Path    string
	Args    []string
	Image   string // its ID
	State   struct {
		Pid                                                  int
		Running, Paused, Restarting, Dead, RemovalInProgress bool
		StartedAt                                            time.Time
	}
	Config          container.Config
	NetworkSettings struct {
		Networks map[string]json.RawMessage
	}
}

// all are the containers that the files tell of, running or not. One that is just being made or
// removed is left out.
func (o *Offline) all() ([]kept, error) {
	ids, err := o.Files.IDs()
	if err != nil {
		return nil, err
	}
	var list []kept
	for _, id := range ids {
		text, err := o.Files.Read(id, "config.v2.json")
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		var c kept
		if err == nil {
			err = json.Unmarshal(text, &c)
		}
		if err != nil {
			return nil, fmt.Errorf("read what the engine keeps of container %.12s: %w", id, err)
		}
		if c.ID != id {
			return nil, fmt.Errorf("read what the engine keeps of container %.12s: it is about another, %.12s", id, c.ID)
		}
		list = append(list, c)
	}
	return list, nil
}

// ContainerInspect finds a container as the engine does: by full ID, by name, by the beginning
// of its ID.
func (o *Offline) ContainerInspect(ctx context.Context, name string) (container.InspectResponse, error) {
	var answer container.InspectResponse
	all, err := o.all()
	if err != nil {
		return answer, exit.WithStatus(exit.Failed, err)
	}
	c, err := o.find(ctx, all, name)
	if err != nil {
		return answer, err
	}
	var host container.HostConfig
	text, err := o.Files.Read(c.ID, "hostconfig.json")
	if err == nil {
		err = json.Unmarshal(text, &host)
	}
	if err != nil {
		return answer, exit.WithStatus(exit.Failed, fmt.Errorf("read what the engine keeps of container %q: %w", name, err))
	}
	first, err := o.First(ctx, map[string]int{c.ID: c.State.Pid})
	if err != nil {
		return answer, exit.WithStatus(exit.Status(err), fmt.Errorf("find container %q: %w", name, err))
	}
	state := &container.State{Pid: first[c.ID], Running: first[c.ID] > 0}
	switch {
	case state.Running:
		state.Paused = c.State.Paused
	case c.State.Running:
		return answer, exit.Hint(fmt.Errorf("container %q is not running on this host, although the engine's files say so", name),
			"it has ended since, or its runtime is none that runs here by a containerd shim")
	default:
		state.Restarting, state.Dead, state.Status = c.State.Restarting, c.State.Dead, c.status()
	}
	answer.ContainerJSONBase = &container.ContainerJSONBase{
		ID: c.ID, Name: c.Name, Image: c.Image, Path: c.Path, Args: c.Args, State: state, HostConfig: &host,
	}
	answer.Config = &c.Config
	return answer, nil
}

func (c *kept) status() string {
	switch {
	case c.State.RemovalInProgress:
		return "removing"
	case c.State.StartedAt.IsZero():
		return container.StateCreated
	}
	return container.StateExited
}

// find is the one that a name means. Two can have it only where the engine kept files of another
// time, with another mapping of users: then it is the one that runs.
func (o *Offline) find(ctx context.Context, all []kept, name string) (*kept, error) {
	name = strings.TrimPrefix(name, "/")
	for _, same := range []func(*kept) bool{
		func(c *kept) bool { return c.ID == name },
		func(c *kept) bool { return c.Name == "/"+name },
		func(c *kept) bool { return name != "" && strings.HasPrefix(c.ID, name) },
	} {
		var found []*kept
		for i := range all {
			if same(&all[i]) {
				found = append(found, &all[i])
			}
		}
		if len(found) > 1 && found[0].Name == found[1].Name {
			found = o.running(ctx, found)
		}
		switch len(found) {
		case 0:
		case 1:
			return found[0], nil
		default:
			return nil, exit.WithStatus(exit.Failed, fmt.Errorf("find container %q: several are meant by that", name))
		}
	}
	return nil, exit.Hint(fmt.Errorf("no such container in the engine's files: %q", name), "docker nsjoin ls --no-engine lists the running ones")
}

// running are those of the containers that run; all where none does, or that is not known.
func (o *Offline) running(ctx context.Context, list []*kept) []*kept {
	claimed := make(map[string]int)
	for _, c := range list {
		claimed[c.ID] = c.State.Pid
	}
	first, err := o.First(ctx, claimed)
	if err != nil || len(first) == 0 {
		return list
	}
	var running []*kept
	for _, c := range list {
		if first[c.ID] > 0 {
			running = append(running, c)
		}
	}
	return running
}

// ContainerList lists the running containers. It knows no filter.
func (o *Offline) ContainerList(ctx context.Context, options container.ListOptions) ([]container.Summary, error) {
	for _, key := range options.Filters.Keys() {
		if key != "status" {
			return nil, exit.WithStatus(exit.Failed, fmt.Errorf("--filter %s takes the engine", key))
		}
	}
	all, err := o.all()
	if err != nil {
		return nil, exit.WithStatus(exit.Failed, err)
	}
	claimed := make(map[string]int)
	for _, c := range all {
		claimed[c.ID] = c.State.Pid
	}
	first, err := o.First(ctx, claimed)
	if err != nil {
		return nil, exit.WithStatus(exit.Status(err), err)
	}
	var list []container.Summary
	for _, c := range all {
		if first[c.ID] > 0 {
			list = append(list, c.summary())
		}
	}
	return list, nil
}

func (c *kept) summary() container.Summary {
	s := container.Summary{
		ID: c.ID, Names: []string{c.Name}, Image: c.Config.Image, ImageID: c.Image, Created: c.Created.Unix(),
		Command: strings.Join(append([]string{c.Path}, c.Args...), " "), Labels: c.Config.Labels,
		State: container.StateRunning, Status: "Up " + time.Since(c.State.StartedAt).Round(time.Second).String(),
		NetworkSettings: &container.NetworkSettingsSummary{Networks: make(map[string]*network.EndpointSettings)},
	}
	if c.State.Paused {
		s.State, s.Status = container.StatePaused, s.Status+" (Paused)"
	}
	for name := range c.NetworkSettings.Networks {
		s.NetworkSettings.Networks[name] = nil
	}
	return s
}

// Events tells of none: nobody does.
func (*Offline) Events(context.Context, events.ListOptions) (<-chan events.Message, <-chan error) {
	return nil, nil
}
