// Package container finds a container of the engine each time that it runs, and opens its network.
package container

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nsjoin/docker-nsjoin/pkg/audit"
	"github.com/nsjoin/docker-nsjoin/pkg/engine"
	"github.com/nsjoin/docker-nsjoin/pkg/forward"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
	"github.com/nsjoin/docker-nsjoin/pkg/sockets/client"
)

// Host is what a Container needs of the engine's host.
type Host interface {
	Resolve(ctx context.Context, r *request.Request) (engine.Answers, error)
	Changes(ctx context.Context) (<-chan struct{}, error)
	OpenNetwork(ctx context.Context, r *request.Request, answers engine.Answers) (client.Network, error)
}

// Container is a container that is found by what the user typed and then, across restarts, by its ID.
type Container struct {
	Host  Host
	Typed string // name, ID or prefix of an ID
	// User and Unix are those of request.NewForward.
	User  string
	Unix  bool
	Audit audit.Request
	// Wait makes the first Open wait until the container exists and runs.
	Wait bool
	// FollowName makes later calls of Open find any container with the name of the first one.
	FollowName bool
	// UntilStop makes later calls of Open fail with forward.ErrStopped if the container has stopped since the one before.
	UntilStop bool
	// Opened, if not nil, is called with the engine's answers before a network is used.
	Opened func(ctx context.Context, found *request.Container, answers engine.Answers)
	// Note tells the user what Open waits for.
	Note func(text string)

	found *request.Container // nil before the first Open
	began start              // of the container when it was opened
}

// start identifies a start of a container.
type start struct {
	pid int
	at  string // as the engine says it; "" if it is not known
}

// Request returns the request for the container's sockets.
func (c *Container) Request() *request.Request {
	r := request.NewForward(request.Source{From: request.FromContainer, Name: c.name()}, c.User, c.Unix)
	r.Audit = c.Audit
	return r
}

// name returns what the engine is asked for.
func (c *Container) name() string {
	switch {
	case c.found == nil:
		return c.Typed
	case c.FollowName:
		return c.found.Name
	}
	return c.found.ID
}

const (
	// lookEvery is how often the engine is asked for a container that does not run, beside the events that it reports.
	lookEvery = time.Second
	// settleTime is how long an engine may take to notice that a container has ended.
	settleTime = 5 * time.Second
)

// Open implements forward.Source.
func (c *Container) Open(ctx context.Context) (forward.Found, error) {
	again, began, noted := c.found != nil, time.Now(), false
	var changes <-chan struct{}
	if again || c.Wait {
		events, stop := context.WithCancel(ctx)
		defer stop()
		var err error
		changes, err = c.Host.Changes(events) // before the container is asked for, so that no start is missed
		if err != nil {
			return forward.Found{}, err
		}
	}
	for {
		network, err := c.open(ctx)
		switch {
		case ctx.Err() != nil:
			if err == nil {
				network.Close()
			}
			return forward.Found{}, context.Cause(ctx)
		case err == nil:
			return forward.Found{ID: c.found.ID, Name: c.found.Name, Network: network}, nil
		case !again && (!c.Wait || !isAbsent(err)):
			return forward.Found{}, err
		case again && c.UntilStop && (isAbsent(err) || errors.Is(err, forward.ErrStopped)):
			return forward.Found{}, fmt.Errorf("container %q: %w", c.Typed, forward.ErrStopped)
		case again && isMissing(err) && !c.FollowName:
			return forward.Found{}, fmt.Errorf("container %q: %w", c.Typed, forward.ErrRemoved)
		case !noted && (!again || !isAbsent(err) && time.Since(began) > settleTime):
			noted = true
			c.Note(c.waits(err))
		}
		select {
		case <-ctx.Done():
		case <-changes:
		case <-time.After(lookEvery): // the engine may report changes late, or end the stream
		}
	}
}

// waits says what Open waits for.
func (c *Container) waits(err error) string {
	if !isAbsent(err) {
		return fmt.Sprintf("container %q cannot be reached: %v; trying again", c.Typed, err)
	}
	return fmt.Sprintf("waiting for the start of %s (%v); Ctrl-C ends it", c.Typed, err)
}

// open asks the engine for the container, and opens its network.
func (c *Container) open(ctx context.Context) (client.Network, error) {
	r := c.Request()
	answers, err := c.Host.Resolve(ctx, r)
	if err != nil {
		return nil, err
	}
	if r.Base.Container == nil {
		return nil, fmt.Errorf("find container %q: the engine's answer has no ID", c.Typed)
	}
	found, began := r.Base.Container, start{pid: r.Base.PID}
	if answer, ok := answers[r.Base.Name]; ok { // messages name what the user typed
		answers[c.Typed], r.Base.Name = answer, c.Typed
		if answer.ContainerJSONBase != nil && answer.State != nil {
			began.at = answer.State.StartedAt
		}
		if r.Names != nil && r.Names.Source.Container != nil {
			r.Names.Source.Name = c.Typed
		}
	}
	if c.UntilStop && c.found != nil && began != c.began {
		return nil, forward.ErrStopped
	}
	network, err := c.Host.OpenNetwork(ctx, r, answers)
	if err != nil {
		return nil, err
	}
	if c.Opened != nil {
		c.Opened(ctx, found, answers)
	}
	c.found, c.began = found, began
	return network, nil
}

// isMissing reports whether the engine has no such container.
func isMissing(err error) bool {
	_, missing := errors.AsType[*engine.NoContainerError](err)
	return missing
}

// isAbsent reports whether the container does not exist or does not run.
func isAbsent(err error) bool {
	_, stopped := errors.AsType[*engine.NotRunningError](err)
	return stopped || isMissing(err)
}
