package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/nsjoin/docker-nsjoin/pkg/engine"
	"github.com/nsjoin/docker-nsjoin/pkg/ns"
	"github.com/nsjoin/docker-nsjoin/pkg/survey"
)

// The filters that the engine knows and those that are ours.
var (
	engineFilters = []string{"name", "label", "id", "network"}
	ownFilters    = []string{"shares", "kind"}
)

func filterKeys() []string { return append(slices.Clip(engineFilters), ownFilters...) }

// filterFlag is filters as docker ps has them: KEY=VALUE. Of a key's values one has
// to hold, of the keys all.
type filterFlag struct{ values map[string][]string }

func (f *filterFlag) String() string { return "" }
func (f *filterFlag) Type() string   { return "filter" }

func (f *filterFlag) Set(value string) error {
	key, value, ok := strings.Cut(value, "=")
	if !ok || value == "" {
		return fmt.Errorf("it is not KEY=VALUE")
	}
	if !slices.Contains(filterKeys(), key) {
		return fmt.Errorf("unknown filter %q: one of %s", key, strings.Join(filterKeys(), ", "))
	}
	if key == "kind" {
		if _, err := ns.Parse(value); err != nil {
			return err
		}
	}
	if f.values == nil {
		f.values = make(map[string][]string)
	}
	f.values[key] = append(f.values[key], value)
	return nil
}

// choose are the rows of the containers that were named, all if none was, for
// which the filters hold.
func (l *listing) choose(ctx context.Context, client engine.Lister, names []string, f filterFlag) ([]*survey.Row, error) {
	wanted, err := l.named(names)
	if err != nil {
		return nil, err
	}
	rows := slices.Clone(l.rows)
	if len(names) > 0 {
		rows = slices.DeleteFunc(rows, func(r *survey.Row) bool { return !wanted[r.ID] })
	}
	asked := make(map[string][]string)
	for _, key := range engineFilters {
		if len(f.values[key]) > 0 {
			asked[key] = f.values[key]
		}
	}
	if len(asked) > 0 {
		ids, err := engine.MatchingIDs(ctx, client, asked)
		if err != nil {
			return nil, err
		}
		rows = slices.DeleteFunc(rows, func(r *survey.Row) bool { return !ids[r.ID] })
	}
	kinds := ns.Set(0)
	for _, kind := range f.values["kind"] {
		k, _ := ns.Parse(kind)
		kinds |= ns.SetOf(k)
	}
	with, err := l.named(without(f.values["shares"], "host"))
	if err != nil {
		return nil, err
	}
	if slices.Contains(f.values["shares"], "host") {
		with[""] = true
	}
	if kinds != 0 || len(with) > 0 {
		rows = slices.DeleteFunc(rows, func(r *survey.Row) bool { return !r.Shares(kinds, with) })
	}
	return rows, nil
}

func without(list []string, word string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(s string) bool { return s == word })
}

// named are the IDs of the containers that names mean.
func (l *listing) named(names []string) (map[string]bool, error) {
	var all []engine.Container
	for _, c := range l.containers {
		all = append(all, c)
	}
	ids := make(map[string]bool)
	for _, name := range names {
		c, err := engine.Find(all, strings.TrimPrefix(name, "container:"))
		if err != nil {
			return nil, err
		}
		ids[c.ID] = true
	}
	return ids, nil
}
