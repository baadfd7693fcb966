package engine

import (
	"context"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/system"
)

// WritableOnHost returns the directories and files of the engine's host that its containers can write to, also those
// that do not run: their volumes and bind mounts, and the engine's own directory, which has their layers.
func WritableOnHost(ctx context.Context, engine interface {
	Lister
	Info(ctx context.Context) (system.Info, error)
},
) ([]string, error) {
	info, err := engine.Info(ctx)
	if err != nil {
		return nil, ExplainAs(err, "ask the engine for its directory", "ask the engine for its directory")
	}
	paths := []string{info.DockerRootDir}
	all, err := engine.ContainerList(ctx, container.ListOptions{All: true})
	if err != nil {
		return nil, ExplainAs(err, "ask the engine for its containers", "ask the engine for its containers")
	}
	for _, c := range all {
		for _, m := range c.Mounts {
			if m.RW && m.Source != "" {
				paths = append(paths, m.Source)
			}
		}
	}
	return paths, nil
}
