package engine

import (
	"context"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
)

// staleAfter is the age from which a helper's container that was never started is
// taken for one whose client died. A copy over a slow link takes its time.
const staleAfter = 2 * time.Minute

// sweep removes helpers' containers that were made and never started. own is the one
// that was made just now: it tells what time it is there.
func sweep(ctx context.Context, engine Creator, own string) {
	list, err := engine.ContainerList(ctx, container.ListOptions{All: true, Filters: filters.NewArgs(
		filters.Arg("label", HelperLabel), filters.Arg("status", "created"))})
	if err != nil {
		return // it is for the next one to try again
	}
	for _, id := range stale(list, own) {
		_ = engine.ContainerRemove(ctx, id, container.RemoveOptions{RemoveVolumes: true})
	}
}

func stale(list []container.Summary, own string) []string {
	var now int64
	for _, c := range list {
		if c.ID == own {
			now = c.Created
		}
	}
	var ids []string
	for _, c := range list {
		if c.State == container.StateCreated && now-c.Created >= int64(staleAfter.Seconds()) {
			ids = append(ids, c.ID)
		}
	}
	return ids
}
