package selection_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/docker/docker/api/types/container"

	"github.com/nsjoin/docker-nsjoin/pkg/engine/selection"
)

// list is an engine's list of containers. A filter by a label is all that it evaluates.
type list []container.Summary

func (l list) ContainerList(_ context.Context, o container.ListOptions) ([]container.Summary, error) {
	return slices.DeleteFunc(slices.Clone(l), func(c container.Summary) bool { return !o.Filters.MatchKVList("label", c.Labels) }), nil
}

func summary(name, project, service, number string) container.Summary {
	return container.Summary{ID: strings.Repeat(name[len(name)-1:], 64), Names: []string{"/" + name}, State: "running", Labels: map[string]string{
		"com.docker.compose.project": project, "com.docker.compose.service": service, "com.docker.compose.container-number": number,
	}}
}

func engine() list {
	oneOff := summary("shop-run-9", "shop", "web", "9")
	oneOff.Labels["com.docker.compose.oneoff"] = "True"
	paused := summary("other-a", "other", "web", "1")
	paused.State = "paused"
	return list{summary("shop-web-2", "shop", "web", "2"), summary("shop-web-1", "shop", "web", "1"), summary("shop-db-3", "shop", "db", "1"), oneOff, paused}
}

func TestChoose(t *testing.T) {
	for _, row := range []struct {
		name    string
		query   selection.Query
		want    string
		missing string
	}{
		{"all", selection.Query{}, "other-a shop-db-3 shop-run-9 shop-web-1 shop-web-2", ""},
		{"names and an ID", selection.Query{Names: []string{"shop-web-1", "shop-web-1", "222", "container:shop-db-3", "nosuch"}}, "shop-db-3 shop-web-1 shop-web-2", "nosuch"},
		{"patterns", selection.Query{Names: []string{"*-web-*", "x*"}}, "shop-web-1 shop-web-2", "x*"},
		{"a service", selection.Query{Names: []string{"web@shop"}}, "shop-web-1 shop-web-2", ""},
		{"one of a service", selection.Query{Names: []string{"web.2@shop", "web.3@shop"}}, "shop-web-2", "web.3@shop"},
		{"a service here", selection.Query{Names: []string{"web@"}}, "other-a", ""},
		{"a project", selection.Query{Project: "shop"}, "shop-db-3 shop-web-1 shop-web-2", ""},
		{"a project and a pattern", selection.Query{Project: "shop", Names: []string{"*-1"}}, "shop-web-1", ""},
		{"this project", selection.Query{Project: "."}, "other-a", ""},
		{"a service of this project", selection.Query{Service: "web"}, "other-a", ""},
		{"a filter", selection.Query{Filters: selection.Filters{"label": {"com.docker.compose.service=db"}}}, "shop-db-3", ""},
		{"a state", selection.Query{Filters: selection.Filters{"status": {"paused"}}}, "other-a", ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			row.query.Here = func() (string, error) { return "other", nil }
			found, missing, err := row.query.Choose(t.Context(), engine(), func() map[string]bool { return nil })
			var names []string
			for _, c := range found {
				names = append(names, c.Name)
			}
			if got := strings.Join(names, " "); got != row.want || strings.Join(missing, " ") != row.missing || err != nil {
				t.Errorf("%q, missing %q, %v", got, missing, err)
			}
		})
	}
}

func TestOneOf(t *testing.T) {
	nowhere := func() (string, error) { return "", errors.New("no Compose file") }
	for name, want := range map[string]string{"db@shop": "3", "web.1@shop": "1", "web@other": "a", "web@shop": "", "nosuch@shop": "", "@shop": "", "web@": ""} {
		id, err := selection.OneOf(t.Context(), engine(), name, nowhere)
		if want == "" && err == nil || want != "" && (err != nil || !strings.HasPrefix(id, want)) {
			t.Errorf("%s: %q, %v", name, id, err)
		}
	}
}

func TestFilters(t *testing.T) {
	var f selection.Filters
	for _, text := range []string{"label=a=b", "Name=web"} {
		if err := f.Set(text); err != nil {
			t.Error(err)
		}
	}
	if got := f.String(); got != "filter label=a=b, filter name=web" {
		t.Errorf("%q", got)
	}
	for _, text := range []string{"", "label", "=x", "label="} {
		if err := f.Set(text); err == nil {
			t.Errorf("%q is a filter", text)
		}
	}
}
