package engine

import (
	"context"

	"github.com/docker/docker/api/types/container"
)

// Lister is what Running needs of the engine's client.
type Lister interface {
	ContainerList(ctx context.Context, options container.ListOptions) ([]container.Summary, error)
}

// Running are the names of the containers that a command can be run in, as the
// user gave them: without those that a link gave.
func Running(ctx context.Context, engine Lister) ([]string, error) {
	list, err := engine.ContainerList(ctx, container.ListOptions{})
	if err != nil {
		return nil, err
	}
	var names []string
	for _, c := range list {
		if c.State != container.StateRunning {
			continue
		}
		if name := ownName(c.Names); name != "" {
			names = append(names, name)
		}
	}
	return names, nil
}
