// Package holder makes containers that hold a volume while docker nsjoin mount has it mounted in another container, so
// that the engine knows that the volume is in use. Such a container ends when the volume is not mounted there any more,
// or when the other container ends, and the engine removes it: nobody has to be there for that.
package holder

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/volume"

	"github.com/nsjoin/docker-nsjoin/pkg/engine"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

// Client is the part of the engine's client that asks for a volume.
type Client interface {
	VolumeInspect(ctx context.Context, name string) (volume.Volume, error)
}

// Exists reports whether the engine has a volume.
func Exists(ctx context.Context, client Client, name string) (bool, error) {
	_, err := client.VolumeInspect(ctx, name)
	switch {
	case err == nil:
		return true, nil
	case errdefs.IsNotFound(err):
		return false, nil
	}
	return false, engine.ExplainAs(err, fmt.Sprintf("ask the engine for volume %q", name), fmt.Sprintf("find volume %q", name))
}

// Container is a container that holds a volume.
type Container struct {
	ID     string
	helper *engine.Helper
}

// Start starts a container that holds the volume, which the engine makes if there is none. pid is the first process of
// the container that the volume will be mounted in. Without a later call of Confirm, it ends when this process ends.
func Start(ctx context.Context, to *engine.Connection, call request.Call, name string, pid int) (*Container, error) {
	helper, err := to.StartAlone(ctx, engine.Spec{Call: call, Volume: name, UsedBy: pid})
	if err != nil {
		return nil, fmt.Errorf("hold volume %q: %w", name, err)
	}
	return &Container{ID: helper.ID(), helper: helper}, nil
}

// Confirm lets the container stay after this process has ended. It is an error if it does not see the mount: then it ends.
func (c *Container) Confirm(ctx context.Context) error {
	const within = 20 * time.Second
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	answer := make(chan error, 1)
	said := &watch{held: make(chan struct{})}
	go func() {
		_, err := c.helper.Write([]byte{'c'})
		if err == nil {
			err = c.helper.Output(said, io.Discard)
		}
		if err == nil {
			err = errors.New("it has ended")
		}
		answer <- err
	}()
	select {
	case <-said.held:
		c.helper.Leave()
		return nil
	case err := <-answer:
		select {
		case <-said.held: // before that
			c.helper.Leave()
			return nil
		default:
			return fmt.Errorf("the container that holds the volume: %w", err)
		}
	case <-ctx.Done():
		return fmt.Errorf("the container that holds the volume does not answer: %w", context.Cause(ctx))
	}
}

// Close ends the container if the volume is not mounted.
func (c *Container) Close() {
	_, _ = c.helper.Write([]byte{'x'})
	c.helper.Leave()
}

// watch waits for output.
type watch struct {
	held chan struct{}
	any  bool
}

func (w *watch) Write(p []byte) (int, error) {
	if !w.any && len(p) > 0 {
		w.any = true
		close(w.held)
	}
	return len(p), nil
}
