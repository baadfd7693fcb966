package engine_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/docker/docker/api/types/container"

	"github.com/nsjoin/docker-nsjoin/pkg/engine"
)

func TestListIsWhatTheEngineSays(t *testing.T) {
	const body = `[{"Id":"0f","Names":["/app/alias","/web"],"Image":"nginx","State":"paused","Created":7,
		"NetworkSettings":{"Networks":{"front":{},"back":{}}}},{"Id":"1e"}]`
	got, err := engine.List(t.Context(), answering(t, http.StatusOK, body), nobodys)
	if err != nil || len(got) != 2 {
		t.Fatalf("%+v, %v", got, err)
	}
	if c := got[0]; c.ID != "0f" || c.Name != "web" || c.Image != "nginx" || c.State != "paused" || c.Created != 7 ||
		!slices.Equal(c.Networks, []string{"back", "front"}) {
		t.Errorf("%+v", c)
	}
}

// nobodys is of a user who has made no helper's container.
func nobodys() map[string]bool { return nil }

// A label is inherited from an image. Before, LABEL io.nsjoin.helper=1 hid the containers
// of an image. What is hidden is known by the ID that the engine gave.
func TestHostileLabelHidesNothing(t *testing.T) {
	const body = `[{"Id":"0f","Names":["/web"],"Labels":{"io.nsjoin.helper":"1","io.nsjoin.serves":"1e","io.nsjoin.call":"c0ffee"}},
		{"Id":"1e","Names":["/docker-nsjoin-c0ffee"]},{"Id":"2d","Names":["/ours"]}]`
	got, err := engine.List(t.Context(), answering(t, http.StatusOK, body), func() map[string]bool { return map[string]bool{"2d": true} })
	if err != nil || len(got) != 2 || got[0].Name != "web" || got[1].Name != "docker-nsjoin-c0ffee" {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestErrorOfAList(t *testing.T) {
	_, err := engine.List(t.Context(), answering(t, http.StatusInternalServerError, `{"message":"disk is full"}`), nobodys)
	if got, want := reported(t, err), "docker nsjoin: list containers: disk is full\n"; got != want {
		t.Errorf("it says %q, want %q", got, want)
	}
	_, err = engine.List(t.Context(), dial(t, "unix:///nonexistent"), nobodys)
	if got := reported(t, err); !strings.HasPrefix(got, "docker nsjoin: ask the engine for its containers: ") {
		t.Errorf("it says %q", got)
	}
}

// filtered remembers what it was asked for.
type filtered struct{ asked map[string][]string }

func (f *filtered) ContainerList(_ context.Context, options container.ListOptions) ([]container.Summary, error) {
	f.asked = make(map[string][]string)
	for _, key := range options.Filters.Keys() {
		f.asked[key] = slices.Sorted(slices.Values(options.Filters.Get(key)))
	}
	return []container.Summary{{ID: "0f"}, {ID: "1e"}}, nil
}

func TestMatchingLeavesFilteringToTheEngine(t *testing.T) {
	var f filtered
	ids, err := engine.Matching(t.Context(), &f, map[string][]string{"name": {"web"}, "label": {"a=b"}})
	if err != nil || !maps.Equal(ids, map[string]bool{"0f": true, "1e": true}) {
		t.Errorf("%v, %v", ids, err)
	}
	if got := fmt.Sprint(f.asked); got != "map[label:[a=b] name:[web] status:[paused running]]" {
		t.Errorf("asked for %s", got)
	}
}

func TestFind(t *testing.T) {
	list := []engine.Container{{ID: "0faa", Name: "web"}, {ID: "0fbb", Name: "0faa2"}, {ID: "1e", Name: "0fbb"}}
	for name, want := range map[string]string{
		"web": "0faa", "/web": "0faa", "0faa": "0faa", "0fa": "0faa", "0fbb": "0fbb", "0faa2": "0fbb", "1": "1e",
	} {
		if c, err := engine.Find(list, name); c.ID != want || err != nil {
			t.Errorf("%s: %q, %v; want %s", name, c.ID, err, want)
		}
	}
	for name, want := range map[string]string{
		"db": "docker nsjoin: no such running container: \"db\"\nhint: docker ps lists the running ones\n",
		"0f": "docker nsjoin: find container \"0f\": several IDs begin with that\n",
	} {
		if c, err := engine.Find(list, name); reported(t, err) != want {
			t.Errorf("%s: %+v, %q; want %q", name, c, reported(t, err), want)
		}
	}
}

// counting counts who asks it at the same time.
type counting struct {
	fake
	now, most atomic.Int32
}

func (c *counting) ContainerInspect(ctx context.Context, id string) (container.InspectResponse, error) {
	for n := c.now.Add(1); ; {
		if most := c.most.Load(); n <= most || c.most.CompareAndSwap(most, n) {
			break
		}
	}
	defer c.now.Add(-1)
	if id == "gone" {
		return container.InspectResponse{}, errNotFound{}
	}
	answer, ok := c.containers[id]
	if !ok {
		return answer, errors.New("disk is full")
	}
	return answer, ctx.Err()
}

type errNotFound struct{}

func (errNotFound) NotFound() {}

func (errNotFound) Error() string { return "no such container" }

func TestPIDsAreAskedForAFewAtATime(t *testing.T) {
	c := &counting{fake: fake{containers: make(map[string]container.InspectResponse)}}
	var ids []string
	for i := range 100 {
		ids = append(ids, fmt.Sprint(i))
		c.containers[ids[i]] = inspected(ids[i], running(1000+i))
	}
	c.containers["7"] = inspected("7", &container.State{Status: "exited"})
	pids, err := engine.PIDs(t.Context(), c, append(ids, "gone"))
	if err != nil || len(pids) != 99 || pids["42"] != 1042 {
		t.Errorf("%d numbers, %v, the one of 42 is %d", len(pids), err, pids["42"])
	}
	if most := c.most.Load(); most > 8 {
		t.Errorf("%d at a time", most)
	}
	if pids, err := engine.PIDs(t.Context(), c, []string{"1", "none"}); err != nil || len(pids) != 1 {
		t.Errorf("%v, %v: one that it can't tell of", pids, err)
	}
	if pids, err := engine.PIDs(t.Context(), c, []string{"none"}); err == nil {
		t.Errorf("%v and no error", pids)
	}
}
