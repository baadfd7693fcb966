package enginehost

import (
	"bytes"
	"context"
	"fmt"

	"github.com/nsjoin/docker-nsjoin/pkg/engine"
	"github.com/nsjoin/docker-nsjoin/pkg/exit"
	"github.com/nsjoin/docker-nsjoin/pkg/launch"
	"github.com/nsjoin/docker-nsjoin/pkg/plan"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

// Ask runs a helper for r, a request that was resolved, and returns what the helper prints. local tells
// that it ran on this machine. s says how its container is made, if it needs one. configured is what the
// container was made with that a command is planned for, or nil.
func (h *Host) Ask(ctx context.Context, r *request.Request, s engine.Spec, configured *plan.Configured) (out []byte, local bool, err error) {
	way, _, err := h.way(r, configured)
	if err != nil {
		return nil, false, err
	}
	if way == launch.Local {
		out, err = launch.Output(ctx, r)
	} else {
		out, err = h.askInContainer(ctx, r, s)
	}
	return out, way == launch.Local, err
}

// askInContainer runs the helper in a container of the engine.
func (h *Host) askInContainer(ctx context.Context, r *request.Request, s engine.Spec) ([]byte, error) {
	helper, err := h.startContainer(ctx, s, r)
	if err != nil {
		return nil, err
	}
	unhook := context.AfterFunc(ctx, helper.Close)
	defer func() {
		if unhook() {
			helper.Close()
		}
	}()
	var out, errs bytes.Buffer
	if err := helper.Output(&out, &errs); err != nil {
		return nil, fmt.Errorf("read the helper's output: %w", err)
	}
	status, err := helper.Wait()
	if err != nil {
		return nil, err
	}
	if status != 0 {
		return nil, exit.ParseReport(errs.String(), status)
	}
	return out.Bytes(), nil
}
