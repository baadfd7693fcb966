package engine

import (
	"context"

	"github.com/docker/docker/api/types/events"
	"github.com/docker/docker/api/types/filters"
)

// Eventer is the part of the engine's client that Changes needs.
type Eventer interface {
	Events(ctx context.Context, options events.ListOptions) (<-chan events.Message, <-chan error)
}

// Changes sends when a container was started, paused or renamed, or has ended. Changes that come before the
// receiver is ready are sent as one. When the engine's stream ends, nothing more is sent.
func Changes(ctx context.Context, engine Eventer) <-chan struct{} {
	args := filters.NewArgs(filters.Arg("type", string(events.ContainerEventType)))
	for _, action := range []events.Action{
		events.ActionStart, events.ActionDie, events.ActionPause, events.ActionUnPause, events.ActionRename,
	} {
		args.Add("event", string(action))
	}
	messages, failed := engine.Events(ctx, events.ListOptions{Filters: args})
	changes := make(chan struct{}, 1)
	go func() {
		for {
			select {
			case <-messages:
			case err := <-failed:
				_ = err // the caller still polls
				return
			}
			select {
			case changes <- struct{}{}:
			default:
			}
		}
	}()
	return changes
}
