package container_test

import (
	"context"
	"errors"
	"testing"

	dockercontainer "github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/events"

	"github.com/nsjoin/docker-nsjoin/pkg/engine"
	"github.com/nsjoin/docker-nsjoin/pkg/enginehost"
	"github.com/nsjoin/docker-nsjoin/pkg/forward"
	"github.com/nsjoin/docker-nsjoin/pkg/forward/container"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
	"github.com/nsjoin/docker-nsjoin/pkg/sockets/client"
)

type answers = interface { // not named Engine, as a method is
	engine.Lister
	engine.Inspector
}

// host is an engine's host with one container.
type host struct {
	answers

	pid       int // 0 if it does not run
	startedAt string
}

func (h *host) Resolve(_ context.Context, r *request.Request) (engine.Answers, error) {
	if h.pid == 0 {
		return nil, &engine.NotRunningError{Name: "web", State: "has exited"}
	}
	r.Base.PID, r.Base.Container = h.pid, &request.Container{ID: "id", Name: "web"}
	base := &dockercontainer.ContainerJSONBase{ID: "id", State: &dockercontainer.State{Pid: h.pid, StartedAt: h.startedAt}}
	return engine.Answers{r.Base.Name: {ContainerJSONBase: base}}, nil
}

func (h *host) Engine() (enginehost.Engine, error) { return h, nil }

func (h *host) Events(context.Context, events.ListOptions) (<-chan events.Message, <-chan error) {
	failed := make(chan error, 1)
	failed <- errors.New("no events")
	return nil, failed
}

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
