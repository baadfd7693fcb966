package main

import (
	"context"
	"slices"
	"time"

	"github.com/nsjoin/docker-nsjoin/pkg/engine"
)

// stuckFor is how long a write to the caller's stream may take before it counts as stuck, once the
// command was to end.
const stuckFor = 3 * time.Second

// isStuck tells whether what is written waits for a reader, which may be stopped.
func (o *outlet) isStuck() bool {
	since := o.since.Load()
	return since != 0 && time.Since(time.Unix(0, since)) > stuckFor
}

// leaveReader hangs up when the helper has ended and nobody reads its output any more. Until all of
// that was read the engine keeps the helper's container and does not tell of its end. It is called
// when the command was to end, and returns when there is nothing more to do.
func (c *client) leaveReader(h *engine.Helper, ended <-chan struct{}) {
	looks := time.NewTicker(time.Second)
	defer looks.Stop()
	for {
		select {
		case <-ended:
			return
		case <-looks.C:
		}
		if slices.ContainsFunc(c.outlets[:], (*outlet).isStuck) && c.helperHasEnded(h.ID()) {
			h.Close()
			return
		}
	}
}

// helperHasEnded asks the engine.
func (c *client) helperHasEnded(id string) bool {
	ctx, cancel := context.WithTimeout(context.Background(), stuckFor)
	defer cancel()
	return c.connection.Ended(ctx, id)
}
