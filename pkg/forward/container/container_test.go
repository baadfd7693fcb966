package container_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"

	"github.com/nsjoin/docker-nsjoin/pkg/engine"
	"github.com/nsjoin/docker-nsjoin/pkg/forward"
	"github.com/nsjoin/docker-nsjoin/pkg/forward/container"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
	"github.com/nsjoin/docker-nsjoin/pkg/sockets/client"
)

// host is an engine's host with one container.
type host struct {
	pid       int // 0 if it does not run
	startedAt string
}

func (h *host) Resolve(_ context.Context, r *request.Request) (engine.Answers, error) {
	if h.pid == 0 {
		return nil, &engine.NotRunningError{Name: "web", State: "has exited"}
	}
	r.Base.PID, r.Base.Container = h.pid, &request.Container{ID: "id", Name: "web"}
	var answers engine.Answers
	text := fmt.Sprintf(`{%q: {"Id": "id", "State": {"Pid": %d, "StartedAt": %q}}}`, r.Base.Name, h.pid, h.startedAt)
	err := json.Unmarshal([]byte(text), &answers)
	return answers, err
}

func (h *host) Changes(context.Context) (<-chan struct{}, error) { return nil, nil } //nolint:nilnil // nothing changes

func (h *host) OpenNetwork(context.Context, *request.Request, engine.Answers) (client.Network, error) {
	return nil, nil //nolint:nilnil // nothing is done with it
}

// With --until-stop a container that was lost meanwhile is opened again only if it is the same start of it.
func TestUntilStop(t *testing.T) {
	for what, row := range map[string]struct {
		later   host
		stopped bool
	}{
		"it still runs":                {host{pid: 7, startedAt: "a"}, false},
		"it has stopped":               {host{}, true},
		"it has been started again":    {host{pid: 8, startedAt: "b"}, true},
		"also with a pid that is used": {host{pid: 7, startedAt: "b"}, true},
	} {
		h := host{pid: 7, startedAt: "a"}
		c := &container.Container{Host: &h, Typed: "web", UntilStop: true, Note: func(string) {}}
		if _, err := c.Open(t.Context()); err != nil {
			t.Fatal(err)
		}
		h = row.later
		if _, err := c.Open(t.Context()); errors.Is(err, forward.ErrStopped) != row.stopped || !row.stopped && err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
}
