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
	"slices"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/api/types/mount"
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
	// Program is the directory at its root that the original does not have.
	Program string

	container *scratch.Container
	snapshot  *snapshot // nil for an image
	input     types.HijackedResponse
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
	c.Entrypoint, c.Cmd = []string{helperimage.CopiedProgram(m.Call)}, []string{HoldArg}
	s.Program = path.Base(m.Call.Directory())
	if err := s.run(ctx, from, register, &c, p.host, m); err != nil {
		_ = s.Remove(ctx, from)
		err = fmt.Errorf("start %s: %w", p.what(), err)
		if p.namedUser != "" {
			err = exit.Hint(err, "if there is no user %q in it: -u 0 runs the command as root", p.namedUser)
		}
		return nil, err
	}
	return s, nil
}

func (s *StandIn) run(ctx context.Context, from Client, register engine.Register, c *container.Config, h *container.HostConfig, m Making) error {
	version, err := from.ServerVersion(ctx)
	if err != nil {
		return errors.New(engine.Message(err))
	}
	if err := s.create(ctx, from, register, c, h, m); err != nil {
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
	if err := from.ContainerStart(ctx, s.ID, container.StartOptions{}); err != nil {
		return errors.New(engine.Message(err))
	}
	return nil
}

// create creates the stand-in. It is only known then what is at its bind mounts: it is created again without those that
// reach the host, and without those whose source is gone.
func (s *StandIn) create(ctx context.Context, from Client, register engine.Register, c *container.Config, h *container.HostConfig, m Making) error {
	host := *h
	without := func(left []mount.Mount, why string) {
		for _, l := range left {
			m.Warn(fmt.Sprintf("left out of the copy: %s (%s)", l.Target, why))
		}
		host.Mounts = slices.DeleteFunc(slices.Clone(host.Mounts), func(one mount.Mount) bool {
			return slices.ContainsFunc(left, func(l mount.Mount) bool { return l.Target == one.Target })
		})
	}
	made, err := scratch.Create(ctx, from, register, c, &host, nil)
	if errdefs.IsInvalidArgument(err) {
		if gone := goneBinds(ctx, from, register, c, host); len(gone) > 0 {
			without(gone, "its source is gone from the engine's host")
			made, err = scratch.Create(ctx, from, register, c, &host, nil)
		}
	}
	if err != nil {
		return err
	}
	s.container, s.ID = made, made.ID
	special, err := specialFiles(ctx, from, s.ID, host.Mounts)
	if err != nil {
		return err
	}
	if len(special) == 0 {
		return checkAccounts(ctx, from, s.ID)
	}
	without(special, "it is not a file or directory of the host's, or the host's sockets, devices or processes are there")
	if err := s.container.Remove(ctx); err != nil {
		return err
	}
	if s.container, err = scratch.Create(ctx, from, register, c, &host, nil); err != nil {
		return err
	}
	s.ID = s.container.ID
	return checkAccounts(ctx, from, s.ID)
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
