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
	s.volumes, s.unfit = nil, false
	if found, err := engine.ImageInspect(ctx, name); err == nil && found.Config != nil {
		s.setVolumes(found.Config.Volumes)
	}
	return s
}

// setVolumes takes an image's volumes as a mount names them, each once: an image may have
// data, /data and /data/../data. The image is unfit for a helper if it has one that is
// the root, since no container of it can be started, or whose path is relative, since
// newer engines copy nothing into a container of it.
func (s *Spec) setVolumes(volumes map[string]struct{}) {
	clean := make(map[string]bool)
	for volume := range volumes {
		directory := path.Join("/", volume)
		clean[directory] = true
		s.unfit = s.unfit || directory == "/" || !path.IsAbs(volume)
	}
	s.volumes = slices.Sorted(maps.Keys(clean))
}
