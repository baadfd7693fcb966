package engine

import (
	"context"
	"maps"
	"path"
	"slices"

	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/client"
)

// ImageInspector is what asking for an image's volumes needs of the engine's client.
type ImageInspector interface {
	ImageInspect(ctx context.Context, name string, options ...client.ImageInspectOption) (image.InspectResponse, error)
}

// of is s with the image that an engine has by that name. The volumes of the
// container's own image are known, those of another are asked for. Where the engine
// doesn't tell, creating the container says why.
func (s Spec) of(ctx context.Context, engine ImageInspector, name string) Spec {
	if s.Image = name; s.target.ContainerJSONBase != nil && s.target.Image == name {
		return s
	}
	s.volumes = nil
	if found, err := engine.ImageInspect(ctx, name); err == nil && found.Config != nil {
		s.volumes = directories(found.Config.Volumes)
	}
	return s
}

// unfit tells that no container of the image can be started: one with VOLUME /.
func (s Spec) unfit() bool { return slices.Contains(s.volumes, "/") }

// directories are an image's volumes as a mount names them, each once. An image may
// have data, /data and /data/../data.
func directories(volumes map[string]struct{}) []string {
	clean := make(map[string]bool)
	for volume := range volumes {
		clean[path.Join("/", volume)] = true
	}
	return slices.Sorted(maps.Keys(clean))
}
