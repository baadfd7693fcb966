// Package holder makes containers that hold a volume while docker nsjoin mount has it mounted in another container, so
// that the engine knows that the volume is in use. Such a container ends when the volume is not mounted there any more,
// or when the other container ends, and the engine removes it: nobody has to be there for that. A Hold ends with the call
// that has made it.
package holder

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
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
	asked  bool // Confirm was called
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

// errUnseen says why a container that holds a volume ends: it has no rights, and so sees what the first process sees.
var errUnseen = errors.New("it does not see the mount: the other container has ended, or its first process has another root directory, by chroot(2)")

// Confirm lets the container stay after this process has ended, as long as there is the mount with this number in mountinfo.
// It is an error if it does not see the mount: then it ends.
func (c *Container) Confirm(ctx context.Context, mount int) error {
	const within = 20 * time.Second
	c.asked = true
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	answer := make(chan error, 1)
	said := &watch{held: make(chan struct{})}
	go func() {
		_, err := c.helper.Write(fmt.Appendf(nil, "%d\n", mount))
		if err == nil {
			err = c.helper.Output(said, io.Discard)
		}
		if err == nil {
			err = errUnseen
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

// Close ends the container, unless Confirm has succeeded or the volume was mounted without this process knowing. It waits for
// the end: an engine may not pass on what was written just before the connection is closed.
func (c *Container) Close() {
	const within = 2 * time.Second
	if !c.asked {
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			if _, err := c.helper.Write([]byte{'\n'}); err == nil {
				_ = c.helper.Output(io.Discard, io.Discard)
			}
		}()
		select {
		case <-ended:
		case <-time.After(within):
		}
	}
	c.helper.Leave()
}

// Hold keeps a volume in use until it is released or this process ends, whatever becomes of the container that the volume is
// mounted in.
type Hold struct {
	helper *engine.Helper
	ended  chan struct{}
}

// signOfLife is how often the client writes to a container of a Hold. That ends if it has read nothing for a minute: its standard
// input does not end if the engine is restarted with --live-restore.
const signOfLife = 15 * time.Second

// Keep starts a container that holds the volume, which the engine makes if there is none. It removes the container of a Hold that
// has ended, which may be nil.
func Keep(ctx context.Context, to *engine.Connection, call request.Call, name string, ended *Hold) (*Hold, error) {
	helper, err := to.StartAlone(ctx, engine.Spec{Call: call, Volume: name})
	if err != nil {
		return nil, fmt.Errorf("hold volume %q: %w", name, err)
	}
	h := &Hold{helper: helper, ended: make(chan struct{})}
	go func() {
		defer close(h.ended)
		_, _ = helper.Wait()
	}()
	go h.live()
	if client, err := to.Client(); err == nil && ended != nil {
		_ = client.ContainerRemove(ctx, ended.helper.ID(), container.RemoveOptions{Force: true}) // else it ends by itself
	}
	return h, nil
}

// live has the container go on.
func (h *Hold) live() {
	for {
		select {
		case <-h.ended:
			return
		case <-time.After(signOfLife):
			_, _ = h.helper.Write([]byte{'\n'})
		}
	}
}

// Ended reports whether the volume is not held any more: the engine has ended, or somebody has removed the container.
func (h *Hold) Ended() bool {
	select {
	case <-h.ended:
		return true
	default:
		return false
	}
}

// Release ends the container. It waits for the end, but not long.
func (h *Hold) Release() {
	const within = 2 * time.Second
	h.helper.Close()
	select {
	case <-h.ended:
	case <-time.After(within):
	}
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
