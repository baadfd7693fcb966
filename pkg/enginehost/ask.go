package enginehost

import (
	"bytes"
	"context"
	"fmt"

	"github.com/nsjoin/docker-nsjoin/pkg/engine"
	"github.com/nsjoin/docker-nsjoin/pkg/frame"
	"github.com/nsjoin/docker-nsjoin/pkg/launch"
	"github.com/nsjoin/docker-nsjoin/pkg/plan"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

// Ask runs a helper for r, a resolved request, and returns what the helper prints. local says that the
// helper ran on this machine. s describes the helper's container, if it needs one. configured is the
// configuration of the container that a command is planned for, or nil.
func (h *Host) Ask(ctx context.Context, r *request.Request, s engine.Spec, configured *plan.Configured) (out []byte, local bool, err error) {
	r.Program = h.cli.Name.String()
	way, _, err := h.way(r, configured)
	if err != nil {
		return nil, false, err
	}
	if way == launch.Local {
		out, err = launch.Output(ctx, r, h.warn)
	} else {
		out, err = h.askInContainer(ctx, r, s)
	}
	return out, way == launch.Local, err
}

// warn passes a warning of a helper on.
func (h *Host) warn(text string) { h.cli.Name.Warn(h.Stderr, text) }

// askInContainer runs the helper in a container of the engine.
func (h *Host) askInContainer(ctx context.Context, r *request.Request, s engine.Spec) ([]byte, error) {
	if r.Mount != nil {
		r.Audit.Client = Caller()
	}
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
	received := frame.NewReceiver(&out, &errs, func(int64) {})
	failed := make(chan error, 1)
	go func() { failed <- helper.Output(received.Stdout(), received.Stderr()) }()
	select {
	case <-received.Ended():
	case err = <-failed:
		_ = received.Close() // to a buffer
	}
	status, known := received.Status()
	if err != nil && !known { // else everything has come, whatever has ended the connection then
		return nil, fmt.Errorf("read the helper's output: %w", err)
	}
	if !known || !helper.MayLeave() {
		if status, err = helper.Wait(); err != nil {
			return nil, err
		}
	}
	for _, text := range h.cli.Name.Warnings(errs.String()) {
		h.warn(text)
	}
	if status != 0 {
		return nil, h.cli.Name.ParseReport(errs.String(), status)
	}
	return out.Bytes(), nil
}
