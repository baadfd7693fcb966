package engine

import (
	"context"
	"strings"

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
		for _, name := range c.Names {
			if name = strings.TrimPrefix(name, "/"); !strings.Contains(name, "/") {
				names = append(names, name)
			}
		}
	}
	return names, nil
}
