package selection_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/client"

	"github.com/nsjoin/docker-nsjoin/pkg/engine/selection"
)

// list is an engine's list of containers. A filter by a label is all that it evaluates.
type list []container.Summary

func (l list) ContainerList(_ context.Context, o container.ListOptions) ([]container.Summary, error) {
	return slices.DeleteFunc(slices.Clone(l), func(c container.Summary) bool { return !o.Filters.MatchKVList("label", c.Labels) }), nil
}

// ImageInspect describes an image that has no labels, and the images that other tests need.
func (l list) ImageInspect(_ context.Context, id string, _ ...client.ImageInspectOption) (image.InspectResponse, error) {
	switch id {
	case "sha256:gone":
		return image.InspectResponse{}, errdefs.ErrNotFound
	case "sha256:undescribed":
		return image.InspectResponse{ID: id}, nil
	case "sha256:hostile":
		return described(hostileLabels())
	}
	asked[id]++
	return described(nil)
}

func described(labels map[string]string) (answer image.InspectResponse, err error) {
	text, err := json.Marshal(map[string]any{"Config": map[string]any{"Labels": labels}})
	if err == nil {
		err = json.Unmarshal(text, &answer)
	}
	return answer, err
}

// asked counts how often each image was asked for.
var asked = make(map[string]int)

func hostileLabels() map[string]string {
	return map[string]string{"com.docker.compose.project": "shop", "com.docker.compose.service": "db", "com.docker.compose.container-number": "1"}
}

func summary(name, project, service, number string) container.Summary {
	return container.Summary{ID: strings.Repeat(name[len(name)-1:], 64), Names: []string{"/" + name}, State: "running", ImageID: "sha256:plain", Labels: map[string]string{
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

// What an image's author has made its containers say about Compose is not believed, and each image is asked for once.
func TestLabelsOfImages(t *testing.T) {
	here := func() (string, error) { return "shop", nil }
	with := func(image string, labels map[string]string) list {
		hostile := summary("evil-f", "", "", "")
		hostile.ImageID, hostile.Labels = image, labels
		return append(engine(), hostile)
	}
	committed := hostileLabels() // Compose made a container from an image that was committed from another one
	committed["com.docker.compose.image"] = "sha256:hostile"
	other := hostileLabels()
	other["com.docker.compose.image"] = "sha256:plain"
	mixed := hostileLabels() // docker run --label of one of them
	mixed["com.docker.compose.service"] = "web"
	for _, row := range []struct {
		name    string
		all     list
		found   bool
		problem bool
	}{
		{"of the image", with("sha256:hostile", hostileLabels()), false, false},
		{"of the image, and given one", with("sha256:hostile", mixed), false, false},
		{"of the image, with another image's ID", with("sha256:hostile", other), false, false},
		{"of Compose", with("sha256:plain", hostileLabels()), true, false},
		{"of Compose, from a committed image", with("sha256:hostile", committed), true, false},
		{"of an image that is gone", with("sha256:gone", hostileLabels()), false, true},
		{"of an image that is not described", with("sha256:undescribed", hostileLabels()), false, true},
		{"of no image", with("", hostileLabels()), false, true},
	} {
		for _, query := range []selection.Query{{Project: "shop"}, {Service: "db"}, {Names: []string{"db@shop", "web@shop"}}, {Names: []string{"db.1@shop", "web.1@"}}} {
			query.Here = here
			clear(asked)
			chosen, _, err := query.Choose(t.Context(), row.all, func() map[string]bool { return nil })
			isEvil := func(c selection.Chosen) bool { return c.Name == "evil-f" }
			if found := slices.ContainsFunc(chosen, isEvil); found != row.found || (err != nil) != row.problem {
				t.Errorf("labels %s: %+v chooses %v, %v", row.name, query, chosen, err)
			}
			if asked["sha256:plain"] > 1 {
				t.Errorf("the image was asked for %d times", asked["sha256:plain"])
			}
		}
	}
	if id, err := selection.OneOf(t.Context(), with("sha256:hostile", hostileLabels()), "db@shop", here); err != nil || id[0] != '3' {
		t.Errorf("%q, %v", id, err)
	}
	onlyHostile := with("sha256:hostile", hostileLabels())[len(engine()):]
	if id, err := selection.OneOf(t.Context(), onlyHostile, "db@shop", here); err == nil || !strings.Contains(err.Error(), `"evil-f" has these labels from its image`) {
		t.Errorf("%q, %v", id, err)
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
