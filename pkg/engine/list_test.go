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

func TestList(t *testing.T) {
	const body = `[{"Id":"0f","Names":["/app/alias","/web"],"Image":"nginx","State":"paused","Created":7,
		"NetworkSettings":{"Networks":{"front":{},"back":{}}}},{"Id":"1e"}]`
	got, err := engine.List(t.Context(), answerAlways(t, http.StatusOK, body), noHelperIDs)
	if err != nil || len(got) != 2 {
		t.Fatalf("%+v, %v", got, err)
	}
	if c := got[0]; c.ID != "0f" || c.Name != "web" || c.Image != "nginx" || c.State != "paused" || c.Created != 7 ||
		!slices.Equal(c.Networks, []string{"back", "front"}) {
		t.Errorf("%+v", c)
	}
}

func noHelperIDs() map[string]bool { return nil }

// A label is inherited from an image: once, LABEL io.nsjoin.helper=1 hid an image's containers. A helper
// container is recognized by the ID that the engine returned.
func TestHostileLabelHidesNothing(t *testing.T) {
	const body = `[{"Id":"0f","Names":["/web"],"Labels":{"io.nsjoin.helper":"1","io.nsjoin.serves":"1e","io.nsjoin.call":"c0ffee"}},
		{"Id":"1e","Names":["/docker-nsjoin-c0ffee"]},{"Id":"2d","Names":["/ours"]}]`
	got, err := engine.List(t.Context(), answerAlways(t, http.StatusOK, body), func() map[string]bool { return map[string]bool{"2d": true} })
	if err != nil || len(got) != 2 || got[0].Name != "web" || got[1].Name != "docker-nsjoin-c0ffee" {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestListErrors(t *testing.T) {
	_, err := engine.List(t.Context(), answerAlways(t, http.StatusInternalServerError, `{"message":"disk is full"}`), noHelperIDs)
	if got, want := report(t, err), "docker nsjoin: list containers: disk is full\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	_, err = engine.List(t.Context(), newClient(t, "unix:///nonexistent"), noHelperIDs)
	if got := report(t, err); !strings.HasPrefix(got, "docker nsjoin: ask the engine for its containers: ") {
		t.Errorf("got %q", got)
	}
}

// recordingLister records the filters of a request.
type recordingLister struct{ asked map[string][]string }

func (f *recordingLister) ContainerList(_ context.Context, options container.ListOptions) ([]container.Summary, error) {
	f.asked = make(map[string][]string)
	for _, key := range options.Filters.Keys() {
		f.asked[key] = slices.Sorted(slices.Values(options.Filters.Get(key)))
	}
	return []container.Summary{{ID: "0f"}, {ID: "1e"}}, nil
}

func TestMatchingIDsFiltersOnTheEngine(t *testing.T) {
	var f recordingLister
	ids, err := engine.MatchingIDs(t.Context(), &f, map[string][]string{"name": {"web"}, "label": {"a=b"}})
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
		"":   "docker nsjoin: the container's name is empty\n",
		"/":  "docker nsjoin: the container's name is empty\n",
		"db": "docker nsjoin: no such running container: \"db\"\nhint: docker ps lists the running containers\n",
		"0f": "docker nsjoin: find container \"0f\": several container IDs begin with it\nhint: type more of the ID, or the name\n",
	} {
		if c, err := engine.Find(list, name); report(t, err) != want {
			t.Errorf("%s: %+v, %q; want %q", name, c, report(t, err), want)
		}
	}
}

// countingInspector counts concurrent requests.
type countingInspector struct {
	fake
	now, most atomic.Int32
}

func (c *countingInspector) ContainerInspect(ctx context.Context, id string) (container.InspectResponse, error) {
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

func TestPIDsLimitsConcurrentRequests(t *testing.T) {
	c := &countingInspector{fake: fake{containers: make(map[string]container.InspectResponse)}}
	var ids []string
	for i := range 100 {
		ids = append(ids, fmt.Sprint(i))
		c.containers[ids[i]] = inspectResponse(ids[i], runningState(1000+i))
	}
	c.containers["7"] = inspectResponse("7", &container.State{Status: "exited"})
	pids, err := engine.PIDs(t.Context(), c, append(ids, "gone"))
	if err != nil || len(pids) != 99 || pids["42"] != 1042 {
		t.Errorf("%d pids, %v; that of 42 is %d", len(pids), err, pids["42"])
	}
	if most := c.most.Load(); most > 8 {
		t.Errorf("%d concurrent requests", most)
	}
	if pids, err := engine.PIDs(t.Context(), c, []string{"1", "none"}); err != nil || len(pids) != 1 {
		t.Errorf("%v, %v, with one failed request", pids, err)
	}
	if pids, err := engine.PIDs(t.Context(), c, []string{"none"}); err == nil {
		t.Errorf("%v and no error, with failed requests only", pids)
	}
}
