// Package standin makes a running container that stands in for one that does not run, or for an image, so that a
// command can be run there. What is changed in it is thrown away.
//
// Its first process is the helper, which reads its standard input until it is closed: so the engine ends and removes the
// container when the client ends, however that happens. A container's changes are in an image, made by commit: nothing
// protects the layer of a stopped container from its next start, so it is not mounted a second time. Container and
// image are recorded before they are made. If the client is killed, the next call that makes one removes the image.
package standin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/client"

	"github.com/nsjoin/docker-nsjoin/pkg/engine"
	"github.com/nsjoin/docker-nsjoin/pkg/engine/scratch"
	"github.com/nsjoin/docker-nsjoin/pkg/exit"
	"github.com/nsjoin/docker-nsjoin/pkg/helperimage"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

// Client is the part of the engine's client that makes a stand-in.
type Client interface {
	scratch.Client
	ContainerInspectWithRaw(ctx context.Context, id string, size bool) (container.InspectResponse, []byte, error)
	ContainerCommit(ctx context.Context, id string, options container.CommitOptions) (container.CommitResponse, error)
	CopyToContainer(ctx context.Context, id, path string, archive io.Reader, options container.CopyToContainerOptions) error
	ContainerAttach(ctx context.Context, id string, options container.AttachOptions) (types.HijackedResponse, error)
	ContainerStart(ctx context.Context, id string, options container.StartOptions) error
	ImageInspect(ctx context.Context, name string, options ...client.ImageInspectOption) (image.InspectResponse, error)
	ImageRemove(ctx context.Context, id string, options image.RemoveOptions) ([]image.DeleteResponse, error)
	ContainerStatPath(ctx context.Context, id, path string) (container.PathStat, error)
	ContainerList(ctx context.Context, options container.ListOptions) ([]container.Summary, error)
	NetworkInspect(ctx context.Context, name string, options network.InspectOptions) (network.Inspect, error)
	// ClientVersion returns the version of the API that client and engine have agreed on.
	ClientVersion() string
	ServerVersion(ctx context.Context) (types.Version, error)
}

// Making says how a stand-in is made.
type Making struct {
	// Call is part of the names of what is made. It is random.
	Call request.Call
	// Compress says that the engine is reached through a network.
	Compress bool
	// Warn is called with what the stand-in turns out to lack.
	Warn func(text string)
	// Working is called with what is done when it may take long, and its result when that is over. It may be nil.
	Working func(text string) (end func())
}

// working begins something that may take long.
func (m Making) working(text string) (end func()) {
	if m.Working == nil {
		return func() {}
	}
	return m.Working(text)
}

// StandIn is a running container.
type StandIn struct {
	ID string
	// Program is the directory at its root that the original does not have, and Helper the path of the only file there.
	Program, Helper string

	container *scratch.Container
	snapshot  *snapshot // nil for an image
	input     types.HijackedResponse
	// accountsIn is a mount in which the users' files are; "" for none.
	accountsIn string
}

// HoldArg is the argument with which the helper only reads its standard input until it is closed.
const HoldArg = "hold"

// Make makes the stand-in. If that fails, or ctx is canceled, it removes what it has made.
func (p *Plan) Make(ctx context.Context, from Client, register engine.Register, m Making) (*StandIn, error) {
	s := &StandIn{}
	c := *p.config
	if !p.IsImage {
		copied := m.working("copying the changes of " + p.Name)
		var err error
		s.snapshot, err = commit(ctx, from, register, p.id, m.Call)
		copied()
		if err != nil {
			return nil, fmt.Errorf("copy the changes of container %q: %w", p.Name, err)
		}
		c.Image = s.snapshot.id
	}
	s.Program, s.Helper = path.Base(m.Call.Directory()), helperimage.CopiedProgram(m.Call)
	c.Entrypoint, c.Cmd = []string{s.Helper}, []string{HoldArg}
	if err := s.run(ctx, &creation{p: p, s: s, from: from, register: register, config: &c, host: *p.host, warn: m.Warn}, m); err != nil {
		_ = s.Remove(ctx, from)
		err = fmt.Errorf("start %s: %w", p.what(), err)
		if p.namedUser != "" {
			err = exit.Hint(err, "if there is no user %q in it: -u 0 runs the command as root", p.namedUser)
		}
		return nil, err
	}
	return s, nil
}

func (s *StandIn) run(ctx context.Context, c *creation, m Making) error {
	from := c.from
	version, err := from.ServerVersion(ctx)
	if err != nil {
		return errors.New(engine.Message(err))
	}
	c.podman, c.hostAt = engine.IsPodman(version), m.Call.Directory()
	if err := c.run(ctx); err != nil {
		return err
	}
	helper, err := helperimage.Copy(version.Arch, m.Call, m.Compress)
	if err != nil {
		return err
	}
	defer helper.Close()
	sent := m.working("sending the helper to the engine")
	defer sent()
	if err := from.CopyToContainer(ctx, s.ID, "/", helper, container.CopyToContainerOptions{}); err != nil {
		return errors.New(engine.Message(err))
	}
	if s.input, err = from.ContainerAttach(ctx, s.ID, container.AttachOptions{Stream: true, Stdin: true}); err != nil {
		return errors.New(engine.Message(err))
	}
	return s.start(ctx, from)
}

// startTimeout is how long the engine may take to start a stand-in whose users' files are in a mount.
const startTimeout = time.Minute

// start starts the stand-in. That has a limit of time if its users' files are in a mount: although no other container is
// known to have that, a file there may have become a FIFO, which engine and runtime would wait for.
func (s *StandIn) start(ctx context.Context, from Client) error {
	limited := ctx
	if s.accountsIn != "" {
		var cancel context.CancelFunc
		limited, cancel = context.WithTimeout(ctx, startTimeout)
		defer cancel()
	}
	err := from.ContainerStart(limited, s.ID, container.StartOptions{})
	switch {
	case err == nil:
		return nil
	case limited.Err() != nil && ctx.Err() == nil:
		return exit.Hint(fmt.Errorf("the engine has not started it within %s: /etc/passwd or /etc/group, which are in its mount %s, may have become a FIFO", startTimeout, s.accountsIn),
			"the next call removes the copy, once the engine lets go of it")
	}
	return errors.New(engine.Message(err))
}

// Remove ends and removes the stand-in, also if ctx was canceled. What fails is left to the next call that makes one.
func (s *StandIn) Remove(ctx context.Context, from Client) error {
	var errs []error
	if s.input.Conn != nil {
		s.input.Close()
	}
	if s.container != nil {
		errs = append(errs, s.container.Remove(ctx))
	}
	if s.snapshot != nil {
		errs = append(errs, s.snapshot.remove(ctx, from))
	}
	return errors.Join(errs...)
}

// removeTimeout is how long the engine may take to remove an image.
const removeTimeout = 30 * time.Second

// isGone reports whether what is to be removed is gone.
func isGone(err error) bool { return err == nil || errdefs.IsNotFound(err) }
