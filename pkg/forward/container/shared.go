package container

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/nsjoin/docker-nsjoin/pkg/engine"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

// HostNetwork is what Shared returns for a container with the network of the engine's host.
const HostNetwork = "the engine's host"

// Shared says with whom a container shares its network, "" if with nobody: everybody there reaches what listens in it.
// answers are the engine's about the container, list are the containers that run.
func Shared(found *request.Container, answer engine.Answers, list []engine.Container) string {
	const prefix = "container:"
	mode := ""
	for _, a := range answer {
		if a.ContainerJSONBase != nil && a.ID == found.ID && a.HostConfig != nil {
			mode = string(a.HostConfig.NetworkMode)
		}
	}
	if mode == "host" {
		return HostNetwork
	}
	owner, inOthers := strings.CutPrefix(mode, prefix)
	if !inOthers {
		owner = found.ID
	}
	var names []string
	for _, c := range list {
		with, joined := strings.CutPrefix(c.NetworkMode, prefix)
		same := c.ID == owner || joined && (with == owner || strings.HasPrefix(owner, with) && with != "")
		if same && c.NetworkMode == "host" {
			return HostNetwork
		}
		if same && c.ID != found.ID {
			names = append(names, c.Name)
		}
	}
	if len(names) == 0 {
		return ""
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}

// Engine is what Sharing needs of the engine.
type Engine interface {
	engine.Lister
	engine.Inspector
}

// Sharing lists the running containers and returns Shared. In a pod of Podman, the network is that of its infra container.
func Sharing(ctx context.Context, of Engine, helpers func() map[string]bool, found *request.Container, answers engine.Answers) (string, error) {
	list, err := engine.List(ctx, of, helpers)
	if err != nil {
		return "", fmt.Errorf("who shares the network of %q: %w", found.Name, err)
	}
	engine.FillNetworkModes(ctx, of, list)
	return Shared(found, answers, list), nil
}
