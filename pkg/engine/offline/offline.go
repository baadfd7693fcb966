// Package offline answers in place of an engine that does not answer, from its files.
package offline

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
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/client"

	"github.com/nsjoin/docker-nsjoin/pkg/engine"
	"github.com/nsjoin/docker-nsjoin/pkg/exit"
)

// Files are the engine's files about its containers.
type Files interface {
	IDs() ([]string, error)
	Read(id, file string) ([]byte, error)
}

// Engine answers from the engine's files if the engine itself does not answer. The files say which ID
// a name has and how the container was created, which does not change while it runs. FindPIDs finds
// out whether it runs, and as which process.
type Engine struct {
	Files Files
	// FindPIDs finds and verifies the first processes of containers, by ID. claimed has their pids
	// according to the files, or 0: the engine may have restarted a container since.
	FindPIDs func(ctx context.Context, claimed map[string]int) (map[string]int, error)
}

var (
	_ engine.Inspector = (*Engine)(nil)
	_ engine.Lister    = (*Engine)(nil)
	_ engine.Eventer   = (*Engine)(nil)

	_ engine.ImageInspector = (*Engine)(nil)
)

// storedContainer is the part of config.v2.json that is used; moby's daemon/container.Container.
type storedContainer struct {
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

// load returns all containers in the files, running or not. One that is just being created or
// removed is left out.
func (e *Engine) load() ([]storedContainer, error) {
	ids, err := e.Files.IDs()
	if err != nil {
		return nil, err
	}
	var list []storedContainer
	for _, id := range ids {
		text, err := e.Files.Read(id, "config.v2.json")
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		var c storedContainer
		if err == nil {
			err = json.Unmarshal(text, &c)
		}
		if err != nil {
			return nil, fmt.Errorf("read the engine's files about container %.12s: %w", id, err)
		}
		if c.ID != id {
			return nil, fmt.Errorf("read the engine's files about container %.12s: they are about container %.12s", id, c.ID)
		}
		list = append(list, c)
	}
	return list, nil
}

// ContainerInspect finds a container as the engine does: by full ID, by name, by a prefix of its ID.
func (e *Engine) ContainerInspect(ctx context.Context, name string) (container.InspectResponse, error) {
	var answer container.InspectResponse
	all, err := e.load()
	if err != nil {
		return answer, exit.WithStatus(exit.Failed, err)
	}
	c, err := e.find(ctx, all, name)
	if err != nil {
		return answer, err
	}
	var host container.HostConfig
	text, err := e.Files.Read(c.ID, "hostconfig.json")
	if err == nil {
		err = json.Unmarshal(text, &host)
	}
	if err != nil {
		return answer, exit.WithStatus(exit.Failed, fmt.Errorf("read the engine's files about container %q: %w", name, err))
	}
	pids, err := e.FindPIDs(ctx, map[string]int{c.ID: c.State.Pid})
	if err != nil {
		return answer, exit.WithStatus(exit.Status(err), fmt.Errorf("find container %q: %w", name, err))
	}
	state := &container.State{Pid: pids[c.ID], Running: pids[c.ID] > 0}
	switch {
	case state.Running:
		state.Paused = c.State.Paused
	case c.State.Running:
		return answer, exit.Hint(fmt.Errorf("container %q is not running on this host, although the engine's files say that it is", name),
			"it may have ended since, or it has no containerd shim on this host")
	default:
		state.Restarting, state.Dead, state.Status = c.State.Restarting, c.State.Dead, c.status()
	}
	answer.ContainerJSONBase = &container.ContainerJSONBase{
		ID: c.ID, Name: c.Name, Image: c.Image, Path: c.Path, Args: c.Args, State: state, HostConfig: &host,
	}
	answer.Config = &c.Config
	if answer.NetworkSettings, err = c.networks(); err != nil {
		return answer, exit.WithStatus(exit.Failed, fmt.Errorf("read the engine's files about container %q: %w", name, err))
	}
	return answer, nil
}

// networks returns the container's addresses in its networks.
func (c *storedContainer) networks() (*container.NetworkSettings, error) {
	settings := &container.NetworkSettings{Networks: make(map[string]*network.EndpointSettings)}
	for name, text := range c.NetworkSettings.Networks {
		var endpoint network.EndpointSettings
		if err := json.Unmarshal(text, &endpoint); err != nil {
			return nil, fmt.Errorf("network %q: %w", name, err)
		}
		settings.Networks[name] = &endpoint
	}
	return settings, nil
}

func (c *storedContainer) status() string {
	switch {
	case c.State.RemovalInProgress:
		return "removing"
	case c.State.StartedAt.IsZero():
		return container.StateCreated
	}
	return container.StateExited
}

// find returns the container that a name means. Two have the same name only if the engine has kept
// files of an earlier time, with another mapping of users; then it is the one that runs.
func (e *Engine) find(ctx context.Context, all []storedContainer, name string) (*storedContainer, error) {
	name = strings.TrimPrefix(name, "/")
	for _, matches := range []func(*storedContainer) bool{
		func(c *storedContainer) bool { return c.ID == name },
		func(c *storedContainer) bool { return c.Name == "/"+name },
		func(c *storedContainer) bool { return name != "" && strings.HasPrefix(c.ID, name) },
	} {
		var found []*storedContainer
		for i := range all {
			if matches(&all[i]) {
				found = append(found, &all[i])
			}
		}
		if len(found) > 1 && found[0].Name == found[1].Name {
			found = e.running(ctx, found)
		}
		switch len(found) {
		case 0:
		case 1:
			return found[0], nil
		default:
			return nil, exit.Hint(fmt.Errorf("find container %q: several containers match", name), "type the container's full ID")
		}
	}
	return nil, exit.Hint(&engine.NoContainerError{Name: name, Offline: true}, "docker nsjoin ls --no-engine lists the running containers")
}

// running returns the containers that run, or all if none runs or if that is not known.
func (e *Engine) running(ctx context.Context, list []*storedContainer) []*storedContainer {
	claimed := make(map[string]int)
	for _, c := range list {
		claimed[c.ID] = c.State.Pid
	}
	pids, err := e.FindPIDs(ctx, claimed)
	if err != nil || len(pids) == 0 {
		return list
	}
	var running []*storedContainer
	for _, c := range list {
		if pids[c.ID] > 0 {
			running = append(running, c)
		}
	}
	return running
}

// ContainerList lists the running containers. It supports no filter but status.
func (e *Engine) ContainerList(ctx context.Context, options container.ListOptions) ([]container.Summary, error) {
	for _, key := range options.Filters.Keys() {
		if key != "status" {
			return nil, exit.WithStatus(exit.Failed, fmt.Errorf("--filter %s does not work without the engine", key))
		}
	}
	all, err := e.load()
	if err != nil {
		return nil, exit.WithStatus(exit.Failed, err)
	}
	claimed := make(map[string]int)
	for _, c := range all {
		claimed[c.ID] = c.State.Pid
	}
	pids, err := e.FindPIDs(ctx, claimed)
	if err != nil {
		return nil, exit.WithStatus(exit.Status(err), err)
	}
	var list []container.Summary
	for _, c := range all {
		if pids[c.ID] > 0 {
			list = append(list, c.summary())
		}
	}
	return list, nil
}

func (c *storedContainer) summary() container.Summary {
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

// ImageInspect returns an error: the files about images are not read.
func (*Engine) ImageInspect(context.Context, string, ...client.ImageInspectOption) (image.InspectResponse, error) {
	return image.InspectResponse{}, errors.New("that does not work without the engine")
}

// Events returns channels that never receive anything.
func (*Engine) Events(context.Context, events.ListOptions) (<-chan events.Message, <-chan error) {
	return nil, nil
}
