package selection

import (
	"slices"

	"github.com/nsjoin/docker-nsjoin/pkg/engine"
)

// Containers are what an engine lists.
type Containers = []engine.Container

// Names returns the services of the containers, as SERVICE@PROJECT.
func Names(all Containers) []string {
	return labels(all, func(c engine.Container) string {
		if c.Labels[serviceLabel] == "" {
			return ""
		}
		return c.Labels[serviceLabel] + "@" + c.Labels[projectLabel]
	})
}

// Projects returns the Compose projects of the containers.
func Projects(all Containers) []string {
	return labels(all, func(c engine.Container) string { return c.Labels[projectLabel] })
}

// Services returns the Compose services of the containers, of any project.
func Services(all Containers) []string {
	return labels(all, func(c engine.Container) string { return c.Labels[serviceLabel] })
}

// labels returns each text once.
func labels(all Containers, of func(engine.Container) string) []string {
	var list []string
	for _, c := range all {
		if text := of(c); text != "" {
			list = append(list, text)
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}
