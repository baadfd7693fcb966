package selection

import (
	"context"
	"errors"
	"fmt"

	"github.com/nsjoin/docker-nsjoin/pkg/engine"
	"github.com/nsjoin/docker-nsjoin/pkg/exit"
)

// Engine is the part of the engine's client that lists containers, and says which labels their images have.
type Engine interface {
	engine.Lister
	engine.ImageInspector
}

// imageLabel is a label of Compose 2: the ID of the image that it made the container from.
const imageLabel = "com.docker.compose.image"

var errNoImage = errors.New("the engine does not describe its image")

// images says which labels a container has from its image. Whoever makes an image chooses its labels, and every container of
// it inherits those that it is not given: they say nothing about Compose. Each image is asked for once.
type images struct {
	from   engine.ImageInspector
	labels map[string]map[string]string // by the image's ID
}

// containers returns the containers of a service that Compose has made.
func (s Service) containers(ctx context.Context, of *images, all []engine.Container) ([]engine.Container, error) {
	var list []engine.Container
	for _, c := range only(all, s.has) {
		inherited, err := s.inherited(ctx, of, c)
		if err != nil {
			return nil, err
		}
		if !inherited {
			list = append(list, c)
		}
	}
	return list, nil
}

// inherited reports whether a container that says that it is one of the service's may have a label that says so from its
// image. It has not if it has the image's ID in a label: no image can have its own ID, which is a digest of its labels, too.
// So a container that Compose made of an image that was committed from another one of the service's is found. Labels are not
// believed if the image cannot be asked for.
func (s Service) inherited(ctx context.Context, of *images, c engine.Container) (bool, error) {
	if c.ImageID != "" && c.Labels[imageLabel] == c.ImageID {
		return false, nil
	}
	labels, err := of.of(ctx, c.ImageID)
	if err != nil {
		return false, exit.Hint(fmt.Errorf("container %q says that it is of %s, which its image may have made it say: %w", c.Name, s, err), "name the containers that you mean")
	}
	for label, decides := range map[string]bool{projectLabel: true, serviceLabel: s.Service != "", numberLabel: s.Number != ""} {
		if value, has := labels[label]; decides && has && value == c.Labels[label] {
			return true, nil
		}
	}
	return false, nil
}

// of returns the labels of an image, by its ID.
func (i *images) of(ctx context.Context, id string) (map[string]string, error) {
	if labels, known := i.labels[id]; known {
		return labels, nil
	}
	if id == "" {
		return nil, errNoImage
	}
	found, err := i.from.ImageInspect(ctx, id)
	if err != nil {
		return nil, engine.ExplainAs(err, "ask for its image", "ask for its image")
	}
	if found.Config == nil {
		return nil, errNoImage
	}
	if i.labels == nil {
		i.labels = make(map[string]map[string]string)
	}
	i.labels[id] = found.Config.Labels
	return found.Config.Labels, nil
}
