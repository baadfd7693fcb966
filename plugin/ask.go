package main

import (
	"bytes"
	"context"
	"fmt"
	"os"

	"github.com/nsjoin/docker-nsjoin/pkg/engine"
	"github.com/nsjoin/docker-nsjoin/pkg/exit"
	"github.com/nsjoin/docker-nsjoin/pkg/launch"
	"github.com/nsjoin/docker-nsjoin/pkg/plan"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

// asker runs helpers that print something, where the engine's containers are.
type asker struct {
	connection *engine.Connection
	via        launch.Via
}

// ask runs a helper for r, a request that was resolved, and returns what it prints
// and which way was gone. s is what the helper's container is like if one is made, and configured
// what the container was made with that a command is planned for, or nil.
func (a asker) ask(ctx context.Context, r *request.Request, s engine.Spec, configured *plan.Configured) ([]byte, launch.Via, error) {
	way, _, err := chooseWay(a.via, a.connection, r, configured)
	if err != nil {
		return nil, "", err
	}
	var out []byte
	if way == launch.Local {
		out, err = launch.Output(ctx, r)
	} else {
		out, err = a.byEngine(ctx, r, s)
	}
	return out, way, err
}

// byEngine runs it in a container of the engine.
func (a asker) byEngine(ctx context.Context, r *request.Request, s engine.Spec) ([]byte, error) {
	h, err := startHelper(ctx, a.connection, s, r, os.Stderr)
	if err != nil {
		return nil, err
	}
	unhook := context.AfterFunc(ctx, h.Close)
	defer func() {
		if unhook() {
			h.Close()
		}
	}()
	var out, errs bytes.Buffer
	if err := h.Output(&out, &errs); err != nil {
		return nil, fmt.Errorf("read what the helper prints: %w", err)
	}
	status, err := h.Wait()
	if err != nil {
		return nil, err
	}
	if status != 0 {
		return nil, exit.ParseReport(errs.String(), status)
	}
	return out.Bytes(), nil
}
