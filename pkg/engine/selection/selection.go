// Package selection chooses containers: by names and patterns, by the filters of docker ps, and by what Compose wrote
// into their labels.
package selection

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/nsjoin/docker-nsjoin/pkg/engine"
)

// Query says which containers are meant: those that match all of its parts that are not empty.
type Query struct {
	Names   []string // names, IDs, patterns such as shop-*, and SERVICE@PROJECT; one of them must match
	Filters Filters
	Project string // of Compose
	Service string // of Compose
	// Here returns the Compose project of the current directory, for a service without a project.
	Here func() (string, error)
}

// Empty reports whether nothing is chosen by it.
func (q Query) Empty() bool {
	return len(q.Names) == 0 && len(q.Filters) == 0 && q.Project == "" && q.Service == ""
}

// Chosen is a container and the rule that chose it.
type Chosen struct {
	engine.Container
	Rule string
}

// Choose returns the running and paused containers that are meant, each once, in the order of their names. missing are
// the names and patterns that match none. hidden has the IDs of helper containers.
func (q Query) Choose(ctx context.Context, from Engine, hidden func() map[string]bool) (list []Chosen, missing []string, err error) {
	all, err := engine.List(ctx, from, hidden)
	if err != nil {
		return nil, nil, err
	}
	known := &images{from: from}
	var rules []string
	if len(q.Filters) > 0 {
		if all, err = q.Filters.apply(ctx, from, all); err != nil {
			return nil, nil, err
		}
		rules = append(rules, q.Filters.String())
	}
	if q.Project != "" || q.Service != "" {
		of, err := q.compose()
		if err != nil {
			return nil, nil, err
		}
		if all, err = of.containers(ctx, known, all); err != nil {
			return nil, nil, err
		}
		rules = append(rules, of.String())
	}
	rule := strings.Join(rules, ", ")
	if rule == "" {
		rule = "all"
	}
	if len(q.Names) == 0 {
		for _, c := range all {
			list = append(list, Chosen{c, rule})
		}
	} else if list, missing, err = q.named(ctx, known, all); err != nil {
		return nil, nil, err
	}
	slices.SortFunc(list, func(a, b Chosen) int { return strings.Compare(a.Name, b.Name) })
	return list, missing, nil
}

// named returns the containers that the names mean, each once, and the names that mean none.
func (q Query) named(ctx context.Context, known *images, all []engine.Container) (list []Chosen, missing []string, err error) {
	taken := make(map[string]bool)
	for _, name := range q.Names {
		found, err := q.matching(ctx, known, all, name)
		if err != nil {
			return nil, nil, err
		}
		if len(found) == 0 {
			missing = append(missing, name)
		}
		for _, c := range found {
			if !taken[c.ID] {
				taken[c.ID] = true
				list = append(list, Chosen{c, "named " + name})
			}
		}
	}
	return list, missing, nil
}

// matching returns the containers that a name, a pattern or SERVICE@PROJECT means.
func (q Query) matching(ctx context.Context, known *images, all []engine.Container, name string) ([]engine.Container, error) {
	if IsService(name) {
		of, err := ParseService(name, q.Here)
		if err != nil {
			return nil, err
		}
		return of.containers(ctx, known, all)
	}
	if strings.ContainsAny(name, `*?[\`) {
		if _, err := path.Match(name, ""); err != nil {
			return nil, fmt.Errorf("pattern %q: %w", name, err)
		}
		return only(all, func(c engine.Container) bool {
			matches, _ := path.Match(name, c.Name)
			return matches
		}), nil
	}
	name = strings.TrimPrefix(name, "container:")
	c, err := engine.Find(all, name)
	if _, none := errors.AsType[*engine.NoneRunningError](err); none {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return []engine.Container{c}, nil
}

func only(all []engine.Container, has func(engine.Container) bool) []engine.Container {
	return slices.DeleteFunc(slices.Clone(all), func(c engine.Container) bool { return !has(c) })
}
