package engine

import (
	"context"

	"github.com/docker/docker/api/types/events"
	"github.com/docker/docker/api/types/filters"
)

// Eventer is what Changes needs of the engine's client.
type Eventer interface {
	Events(ctx context.Context, options events.ListOptions) (<-chan events.Message, <-chan error)
}

// Changes tells when a container has come, gone or changed its name or state. What
// happens meanwhile is told of once. Where the engine says no more, nor does this.
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
				_ = err // looking at times goes on
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
