package ls

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/nsjoin/docker-nsjoin/pkg/completion"
	"github.com/nsjoin/docker-nsjoin/pkg/dockercli"
	"github.com/nsjoin/docker-nsjoin/pkg/engine"
	"github.com/nsjoin/docker-nsjoin/pkg/listing"
	"github.com/nsjoin/docker-nsjoin/pkg/ns"
	"github.com/nsjoin/docker-nsjoin/pkg/survey"
)

// The filters of docker ps, which the engine evaluates, and those of docker nsjoin.
var (
	engineFilters = []string{"name", "label", "id", "network"}
	ownFilters    = []string{"shares", "kind"}
)

func filterKeys() []string { return append(slices.Clip(engineFilters), ownFilters...) }

// filterFlag is the value of --filter, KEY=VALUE as for docker ps. A container must match every key, by
// one of the key's values.
type filterFlag struct{ values map[string][]string }

func (f *filterFlag) String() string { return "" }
func (f *filterFlag) Type() string   { return "filter" }

func (f *filterFlag) Set(value string) error {
	key, value, ok := strings.Cut(value, "=")
	if !ok || value == "" {
		return fmt.Errorf("must be KEY=VALUE")
	}
	if !slices.Contains(filterKeys(), key) {
		return fmt.Errorf("unknown filter %q: must be one of %s", key, strings.Join(filterKeys(), ", "))
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

// choose returns the rows of the named containers, or of all, that match the filters.
func (f filterFlag) choose(ctx context.Context, client engine.Lister, list *listing.List, names []string) ([]*survey.Row, error) {
	wanted, err := list.Named(names)
	if err != nil {
		return nil, err
	}
	rows := slices.Clone(list.Rows)
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
	with, err := list.Named(without(f.values["shares"], "host"))
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

// completeFilter offers filters, and the values of those that have only a few.
func completeFilter(cli *dockercli.CLI) cobra.CompletionFunc {
	return func(cmd *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
		key, _, whole := strings.Cut(typed, "=")
		var offers []string
		switch {
		case !whole:
			for _, key := range filterKeys() {
				offers = append(offers, key+"=")
			}
			offers, _ = completion.Matching(offers, typed)
			return offers, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
		case key == "kind":
			for _, k := range ns.Kinds() {
				offers = append(offers, "kind="+k.String())
			}
		case key == "shares" || key == "name":
			for _, c := range completion.Running(cmd.Context(), cli) {
				offers = append(offers, completion.Described(key+"="+c.Name, c))
			}
			if key == "shares" {
				offers = append(offers, "shares=host")
			}
		}
		return completion.Matching(offers, typed)
	}
}
