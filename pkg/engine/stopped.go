package engine

import (
	"context"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
)

// WhyStopped says what has become of a container since an earlier answer about it, if its first process has ended;
// else, and if the engine does not answer, it returns "".
func WhyStopped(ctx context.Context, engine Inspector, before container.InspectResponse) string {
	if before.ContainerJSONBase == nil || before.State == nil {
		return ""
	}
	now, err := engine.ContainerInspect(ctx, before.ID)
	switch {
	case errdefs.IsNotFound(err):
		return "its container was removed meanwhile"
	case err != nil, now.ContainerJSONBase == nil, now.State == nil:
		return ""
	case !now.State.Running:
		return "its container stopped meanwhile"
	case now.State.Pid != before.State.Pid, now.State.StartedAt != before.State.StartedAt:
		return "its container was restarted meanwhile"
	}
	return ""
}

// Ping reports whether the engine answers.
func (c *Connection) Ping(ctx context.Context) error {
	to, err := c.Client()
	if err != nil {
		return err
	}
	_, err = to.Ping(ctx)
	return err
}
