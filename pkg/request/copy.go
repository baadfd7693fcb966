package request

import (
	"maps"
	"slices"
)

// Copy returns a request that can be changed without changing r.
func (r *Request) Copy() *Request {
	c := *r
	c.Overrides = maps.Clone(r.Overrides)
	if r.Names != nil {
		names := *r.Names
		c.Names = &names
	}
	if r.View != nil {
		view := *r.View
		c.View = &view
	}
	return &c
}

// Rename gives the container that r calls from the name to, wherever r names it.
func (r *Request) Rename(from, to string) {
	rename := func(s Source) Source {
		if s.From == FromContainer && s.Name == from {
			s.Name = to
		}
		return s
	}
	r.Base = rename(r.Base)
	for k, s := range r.Overrides {
		r.Overrides[k] = rename(s)
	}
	if r.Names != nil {
		r.Names.Source = rename(r.Names.Source)
	}
	if r.Mount != nil && r.Mount.From != nil {
		from := rename(*r.Mount.From)
		r.Mount.From = &from
	}
}

// Containers returns the names of all containers that r names, each once.
func (r *Request) Containers() []string {
	sources := append([]Source{r.Base}, slices.Collect(maps.Values(r.Overrides))...)
	if r.Names != nil {
		sources = append(sources, r.Names.Source)
	}
	if r.Mount != nil && r.Mount.From != nil {
		sources = append(sources, *r.Mount.From)
	}
	var names []string
	for _, s := range sources {
		if s.From == FromContainer {
			names = append(names, s.Name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}
