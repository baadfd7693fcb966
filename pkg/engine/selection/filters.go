package selection

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/nsjoin/docker-nsjoin/pkg/engine"
)

// Filters are filters of docker ps: a container must match every key, by one of the key's values. They are the value
// of a flag, KEY=VALUE.
type Filters map[string][]string

// String returns the filters as they were written.
func (f *Filters) String() string {
	var list []string
	for _, key := range slices.Sorted(maps.Keys(*f)) {
		for _, value := range (*f)[key] {
			list = append(list, "filter "+key+"="+value)
		}
	}
	return strings.Join(list, ", ")
}

// Type is what the help calls the value.
func (f *Filters) Type() string { return "filter" }

// Set adds a filter.
func (f *Filters) Set(text string) error {
	key, value, ok := strings.Cut(text, "=")
	key = strings.ToLower(strings.TrimSpace(key))
	if !ok || key == "" || value == "" {
		return errors.New("must be KEY=VALUE, as for docker ps")
	}
	if *f == nil {
		*f = make(Filters)
	}
	(*f)[key] = append((*f)[key], value)
	return nil
}

// status is the filter that this package evaluates itself: the engine is asked for running and paused containers.
const status = "status"

// apply returns the containers of a list that match the filters. The engine evaluates them.
func (f Filters) apply(ctx context.Context, from engine.Lister, all []engine.Container) ([]engine.Container, error) {
	asked := maps.Clone(f)
	if states := asked[status]; len(states) > 0 {
		delete(asked, status)
		all = only(all, func(c engine.Container) bool { return slices.Contains(states, c.State) })
	}
	if len(asked) == 0 {
		return all, nil
	}
	ids, err := engine.MatchingIDs(ctx, from, asked)
	if err != nil {
		return nil, err
	}
	return only(all, func(c engine.Container) bool { return ids[c.ID] }), nil
}
