package engine

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"

	"github.com/nsjoin/docker-nsjoin/pkg/state"
)

// Remover is what removing a container needs of the engine's client.
type Remover interface {
	ContainerRemove(ctx context.Context, id string, options container.RemoveOptions) error
}

// Register is where the user's calls record the helpers' containers that they make, until
// these are gone. Whether a container is ours is known by the ID that the engine gave
// then: anybody's image can have any label.
type Register struct {
	State *state.Dir // nil if nothing is recorded
	// Endpoint is the engine's, and Context the user's name for it.
	Endpoint, Context string
	// Debug is told why something is not recorded.
	Debug func(text string)
}

// add records a container before it is made. Without a record the call goes on: only a
// client that is killed leaves a container then.
func (r Register) add(name string) *state.Record {
	if r.State == nil {
		return nil
	}
	record, err := r.State.Add(state.Helper, state.Entry{Name: name, Endpoint: r.Endpoint, Context: r.Context, Began: time.Now()})
	if err != nil {
		r.Debug(fmt.Sprintf("the helper's container is not recorded: %v", err))
		return nil
	}
	return record
}

// Ours are the IDs of the containers that are recorded.
func (r Register) Ours() map[string]bool {
	ids := make(map[string]bool)
	if r.State == nil {
		return ids
	}
	list, err := r.State.List(state.Helper)
	if err != nil {
		r.Debug(fmt.Sprintf("helpers' containers are not known: %v", err))
	}
	for _, e := range list {
		if e.ID != "" {
			ids[e.ID] = true
		}
	}
	return ids
}

// mayComeWithin is how long the engine may take to make a container that a client asked
// for just before it was killed.
const mayComeWithin = 2 * time.Minute

// sweep removes the containers of this user's clients that died before they started
// them. One that runs is left: its helper ends by itself, since its client is gone.
// Without any such record nothing is asked of the engine.
func (r Register) sweep(ctx context.Context, engine Remover) {
	if r.State == nil {
		return
	}
	abandoned, err := r.State.Abandoned(state.Helper, func(e state.Entry) bool { return e.Endpoint == r.Endpoint })
	if err != nil {
		r.Debug(fmt.Sprintf("containers of clients that were killed are not looked for: %v", err))
	}
	for _, record := range abandoned {
		// The name is as good as the ID: it is random, and no image can set it.
		err := engine.ContainerRemove(ctx, cmp.Or(record.ID, record.Name), container.RemoveOptions{})
		age := time.Since(record.Began)
		mayCome := record.ID == "" && age >= 0 && age < mayComeWithin
		if err == nil || errdefs.IsNotFound(err) && !mayCome {
			record.Remove()
		} else {
			record.Release()
		}
	}
}
