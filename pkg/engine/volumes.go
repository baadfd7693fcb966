package engine

import (
	"context"
	"maps"
	"path"
	"slices"

	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/client"
)

// ImageInspector is the part of the engine's client that returns an image's volumes.
type ImageInspector interface {
	ImageInspect(ctx context.Context, name string, options ...client.ImageInspectOption) (image.InspectResponse, error)
}

// withImage returns s with another image of the engine. If that is not the target's image, whose volumes
// are known, it asks the engine for the volumes. If that fails, creating the container returns the
// reason.
func (s Spec) withImage(ctx context.Context, engine ImageInspector, name string) Spec {
	if s.Image = name; s.target.ContainerJSONBase != nil && s.target.Image == name {
		return s
	}
	s.volumes, s.unusable = nil, false
	if found, err := engine.ImageInspect(ctx, name); err == nil && found.Config != nil {
		s.setVolumes(found.Config.Volumes)
	}
	return s
}

// setVolumes sets the directories of an image's volumes, each once: an image may have data, /data and
// /data/../data. An image is unusable if one is the root, since no container of it can be started,
// or if a path is relative, since newer engines copy nothing into its containers.
func (s *Spec) setVolumes(volumes map[string]struct{}) {
	clean := make(map[string]bool)
	for volume := range volumes {
		directory := path.Join("/", volume)
		clean[directory] = true
		s.unusable = s.unusable || directory == "/" || !path.IsAbs(volume)
	}
	s.volumes = slices.Sorted(maps.Keys(clean))
}
