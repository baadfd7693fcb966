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

// Remover is the part of the engine's client that removes containers.
type Remover interface {
	ContainerRemove(ctx context.Context, id string, options container.RemoveOptions) error
}

// Register records the helper containers of the user's calls until they are removed. A helper
// container is recognized by the ID that the engine returned: any image can have any label.
type Register struct {
	State *state.Dir // nil records nothing
	// Endpoint is the engine's; Context is the Docker context's name.
	Endpoint, Context string
	// Debug gets the reason when something is not recorded.
	Debug func(text string)
}

// add records a container before it is created. Without a record the call goes on: only a killed
// client leaves a container behind.
func (r Register) add(name string) *state.Record {
	if r.State == nil {
		return nil
	}
	record, err := r.State.Add(state.Helper, state.Entry{Name: name, Endpoint: r.Endpoint, Context: r.Context, Began: time.Now()})
	if err != nil {
		r.Debug(fmt.Sprintf("cannot record the helper's container: %v", err))
		return nil
	}
	return record
}

// HelperIDs returns the IDs of the recorded containers.
func (r Register) HelperIDs() map[string]bool {
	ids := make(map[string]bool)
	if r.State == nil {
		return ids
	}
	list, err := r.State.List(state.Helper)
	if err != nil {
		r.Debug(fmt.Sprintf("cannot list the recorded helper containers: %v", err))
	}
	for _, e := range list {
		if e.ID != "" {
			ids[e.ID] = true
		}
	}
	return ids
}

// createTimeout is how long the engine may take to create a container that a client asked for just
// before it was killed.
const createTimeout = 2 * time.Minute

// sweep removes the containers of this user's clients that died before they started them. A running
// one stays: its helper ends by itself when its client is gone. Without such a record the engine
// gets no request.
func (r Register) sweep(ctx context.Context, engine Remover) {
	if r.State == nil {
		return
	}
	abandoned, err := r.State.Abandoned(state.Helper, func(e state.Entry) bool { return e.Endpoint == r.Endpoint })
	if err != nil {
		r.Debug(fmt.Sprintf("cannot look for containers of killed clients: %v", err))
	}
	for _, record := range abandoned {
		// The name is as good as the ID: it is random and no image can set it.
		err := engine.ContainerRemove(ctx, cmp.Or(record.ID, record.Name), container.RemoveOptions{})
		age := time.Since(record.Began)
		pending := record.ID == "" && age >= 0 && age < createTimeout
		if err == nil || errdefs.IsNotFound(err) && !pending {
			record.Remove()
		} else {
			record.Release()
		}
	}
}
