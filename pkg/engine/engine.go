// Package engine asks a Docker engine for containers and starts helpers there. It is the only
// importer of the engine's client.
package engine

import (
	"context"
	"fmt"
	"strings"

	"github.com/docker/docker/api/types/container"

	"github.com/nsjoin/docker-nsjoin/pkg/engine/network"
	"github.com/nsjoin/docker-nsjoin/pkg/exit"
	"github.com/nsjoin/docker-nsjoin/pkg/ns"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

// Inspector is the part of the engine's client that returns one container.
type Inspector interface {
	ContainerInspect(ctx context.Context, name string) (container.InspectResponse, error)
}

// Answers are the engine's answers about containers, by the names that the user gave.
type Answers map[string]container.InspectResponse

// Resolve fills in the engine's answer for every container that r names, by name, ID or unique prefix
// of an ID, and returns the answers. Each container is asked for once. A container is refused if
// docker exec refuses it, but a paused one only if the command would be frozen with it.
func Resolve(ctx context.Context, engine Inspector, r *request.Request) (Answers, error) {
	known := make(map[string]request.Source)
	answers := make(Answers)
	identity := r.Source(ns.Mnt).Name
	frozen := identity // must not be paused
	if r.Inspect || r.Paused || r.Mount != nil {
		frozen = ""
	}
	resolve := func(s request.Source) (request.Source, error) {
		if s.From != request.FromContainer {
			return s, nil
		}
		if found, ok := known[s.Name]; ok {
			return found, nil
		}
		found, answer, err := find(ctx, engine, s, s.Name == frozen, r.User != "")
		if s.Name != identity {
			found.Container = found.Container.WithoutIdentity()
		}
		known[s.Name], answers[s.Name] = found, answer
		return found, err
	}
	var err error
	if r.Base, err = resolve(r.Base); err != nil {
		return nil, err
	}
	if err := resolveOverrides(r.Overrides, resolve); err != nil {
		return nil, err
	}
	if r.Mount != nil && r.Mount.From != nil {
		from, err := resolve(*r.Mount.From)
		if err != nil {
			return nil, err
		}
		r.Mount.From = &from
	}
	if r.Names != nil {
		if r.Names.Source, err = resolve(r.Names.Source); err != nil {
			return nil, err
		}
		setNames(ctx, engine, r, answers)
	}
	return answers, nil
}

func resolveOverrides(overrides map[ns.Kind]request.Source, resolve func(request.Source) (request.Source, error)) error {
	for _, k := range ns.Kinds() {
		s, ok := overrides[k]
		if !ok {
			continue
		}
		var err error
		if overrides[k], err = resolve(s); err != nil {
			return err
		}
	}
	return nil
}

// setNames sets in r what the engine's answers say about the names that the command sees.
func setNames(ctx context.Context, engine Inspector, r *request.Request, answers Answers) {
	if r.Names.Files {
		return
	}
	made, onHost := network.Names(ctx, engine, answers[r.Names.Source.Name])
	if r.Names.Made = made; onHost && !r.Names.Asked {
		r.Names = nil // the host's network and the host's names belong together
	}
}

// find asks for a container. For entered see checkState; named says that the user names the command's user.
func find(ctx context.Context, engine Inspector, s request.Source, entered, named bool) (request.Source, container.InspectResponse, error) {
	c, err := engine.ContainerInspect(ctx, s.Name)
	if err != nil {
		return s, c, explain(err, s.Name)
	}
	if c.ContainerJSONBase == nil || c.State == nil || c.Config == nil || c.ID == "" {
		return s, c, fmt.Errorf("find container %q: the engine's answer has no ID, state or configuration", s.Name)
	}
	if isOther(c.ContainerJSONBase, s.Name) {
		return s, c, fmt.Errorf("find container %q: the engine's answer is about container %q", s.Name, strings.TrimPrefix(c.Name, "/"))
	}
	if err := checkState(c.ContainerJSONBase, s.Name, entered); err != nil {
		return s, c, err
	}
	s.PID = c.State.Pid
	s.Container = &request.Container{ID: c.ID, Name: strings.TrimPrefix(c.Name, "/"), Env: c.Config.Env, User: c.Config.User}
	if c.HostConfig != nil {
		s.Container.CgroupParent = c.HostConfig.CgroupParent
	}
	if c.HostConfig != nil && (!named || !network.IsPodmans(c)) { // Podman's exec does not give them to a user that it names
		s.Container.GroupAdd = c.HostConfig.GroupAdd
	}
	return s, c, nil
}

// isOther reports whether a container is not the one that was asked for: by name, by a prefix of its ID,
// or by a name with a slash, which comes from a link (docker run --link).
func isOther(c *container.ContainerJSONBase, asked string) bool {
	name, asked := strings.TrimPrefix(c.Name, "/"), strings.TrimPrefix(asked, "/")
	return name != "" && name != asked && !strings.HasPrefix(c.ID, asked) && !strings.Contains(asked, "/")
}

// NotRunningError says that no command can run in a container, because it does not run.
type NotRunningError struct {
	Name, State string // as users know them: "has exited"
	ID          string // full
}

func (e *NotRunningError) Error() string { return fmt.Sprintf("container %q %s", e.Name, e.State) }

// checkState refuses the states that docker exec refuses, in its order. entered says that the command
// would be in the container's cgroup, which is frozen while the container is paused.
func checkState(c *container.ContainerJSONBase, name string, entered bool) error {
	not := func(state string) error { return &NotRunningError{Name: name, State: state, ID: c.ID} }
	switch st := c.State; {
	case st.Paused && entered:
		return exit.Hint(fmt.Errorf("container %q is paused", name), "docker unpause %s", name)
	case st.Restarting:
		return exit.Hint(not("is restarting"), "wait until docker ps shows that it is up")
	case st.Running && st.Pid > 0:
		return nil
	case st.Dead || st.Status == "removing":
		return fmt.Errorf("container %q is being removed", name)
	case st.Status == "created":
		return exit.Hint(not("was created but never started"), "docker start %s", name)
	case st.Status == "exited":
		return exit.Hint(not("has exited"), "docker start %s", name)
	}
	return not("is not running")
}
