// Package standin makes a running container that stands in for one that does not run, or for an image, so that a
// command can be run there. What is changed in it is thrown away.
//
// Its first process is the helper, which reads its standard input until it is closed: so the engine ends and removes the
// container when the client ends, however that happens. A container's changes are in an image, made by commit: nothing
// protects the layer of a stopped container from its next start, so it is not mounted a second time. Container and
// image are recorded before they are made. If the client is killed, the next call that makes one removes the image.
package standin

import (
	"cmp"
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
	"github.com/docker/go-units"

	"github.com/nsjoin/docker-nsjoin/pkg/engine"
	"github.com/nsjoin/docker-nsjoin/pkg/engine/scratch"
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

// Options say how a stand-in differs from its original.
type Options struct {
	// Call is part of the names of what is made. It is random.
	Call request.Call
	// Network is its network, as for docker run; "" for the default network, or none if the original reaches none
	// that leads out.
	Network string
	// WritableVolumes means that a container's volumes and bind mounts are as in the original. Otherwise they are
	// read-only.
	WritableVolumes bool
	// Compress says that the engine is reached through a network.
	Compress bool
	// Note is called with what the user should know, such as the size of what is copied.
	Note func(text string)
	// Working is called with what is done when it may take long, and its result when that is over. It may be nil.
	Working func(text string) (end func())
}

// working begins something that may take long.
func (o Options) working(text string) (end func()) {
	if o.Working == nil {
		return func() {}
	}
	return o.Working(text)
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

// CrashLoops reports whether a container has just been restarted by its restart policy, so that it may soon end again.
func CrashLoops(c container.InspectResponse) bool {
	const settled = 10 * time.Second
	if c.ContainerJSONBase == nil || c.State == nil || c.RestartCount == 0 {
		return false
	}
	started, err := time.Parse(time.RFC3339Nano, c.State.StartedAt)
	return err == nil && time.Since(started).Abs() < settled
}

// OfContainer makes a stand-in for a container that does not run.
func OfContainer(ctx context.Context, from Client, register engine.Register, name string, o Options) (*StandIn, error) {
	c, _, err := from.ContainerInspectWithRaw(ctx, name, true)
	switch {
	case err != nil:
		return nil, engine.ExplainAs(err, fmt.Sprintf("ask the engine for container %q", name), fmt.Sprintf("find container %q", name))
	case c.ContainerJSONBase == nil || c.Config == nil || c.HostConfig == nil || c.State == nil:
		return nil, fmt.Errorf("find container %q: the engine's answer has no configuration", name)
	}
	var size int64
	if c.SizeRw != nil {
		size = *c.SizeRw
	}
	o.Note(fmt.Sprintf("%s is %s: the command runs in a copy with its changes (%s), which is thrown away", name, c.State.Status, units.HumanSize(float64(size))))
	s := &StandIn{}
	copied := o.working("copying the changes of " + name)
	s.snapshot, err = commit(ctx, from, register, c.ID, o.Call)
	copied()
	if err != nil {
		return nil, fmt.Errorf("copy the changes of container %q: %w", name, err)
	}
	made := &container.Config{
		Image: s.snapshot.id, User: c.Config.User, WorkingDir: c.Config.WorkingDir, Env: c.Config.Env, Hostname: c.Config.Hostname,
		Domainname: c.Config.Domainname, Labels: without(c.Config.Labels),
	}
	h := rights(c.HostConfig)
	h.Mounts = mounts(ctx, from, c, o)
	if o.Network == "" {
		o.Network = networkFor(ctx, from, c, o)
	}
	return s.start(ctx, from, register, fmt.Sprintf("a copy of container %q", name), made, h, o)
}

// ErrNoImage says that the engine does not have an image. None is pulled.
var ErrNoImage = errors.New("the engine has no such image")

// OfImage makes a stand-in for a container of an image that the engine has.
func OfImage(ctx context.Context, from Client, register engine.Register, name string, o Options) (*StandIn, error) {
	i, err := from.ImageInspect(ctx, name)
	switch {
	case errdefs.IsNotFound(err), errdefs.IsInvalidArgument(err):
		return nil, ErrNoImage
	case err != nil:
		return nil, engine.ExplainAs(err, fmt.Sprintf("ask the engine for image %q", name), fmt.Sprintf("find image %q", name))
	case i.ID == "" || i.Config == nil:
		return nil, fmt.Errorf("find image %q: the engine's answer has no ID or configuration", name)
	}
	o.Note(fmt.Sprintf("%s is an image: the command runs in a container of it, which is thrown away", name))
	made := &container.Config{Image: i.ID, Labels: without(i.Config.Labels)}
	return (&StandIn{}).start(ctx, from, register, fmt.Sprintf("a container of image %q", name), made, rights(&container.HostConfig{}), o)
}

// start creates and starts the stand-in. what describes it in messages.
func (s *StandIn) start(ctx context.Context, from Client, register engine.Register, what string, c *container.Config, h *container.HostConfig, o Options) (*StandIn, error) {
	c.Entrypoint, c.Cmd = []string{helperimage.CopiedProgram(o.Call)}, []string{HoldArg}
	c.Healthcheck = &container.HealthConfig{Test: []string{"NONE"}}
	c.AttachStdin, c.OpenStdin, c.StdinOnce = true, true, true
	h.NetworkMode = container.NetworkMode(cmp.Or(o.Network, defaultNetwork))
	s.Program = path.Base(o.Call.Directory())
	err := s.run(ctx, from, register, c, h, o)
	if err != nil {
		_ = s.Remove(ctx, from)
		return nil, fmt.Errorf("start %s: %w", what, err)
	}
	return s, nil
}

func (s *StandIn) run(ctx context.Context, from Client, register engine.Register, c *container.Config, h *container.HostConfig, o Options) error {
	version, err := from.ServerVersion(ctx)
	if err != nil {
		return errors.New(engine.Message(err))
	}
	if err := s.create(ctx, from, register, c, h, o); err != nil {
		return err
	}
	helper, err := helperimage.Copy(version.Arch, o.Call, o.Compress)
	if err != nil {
		return err
	}
	defer helper.Close()
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
// reach the host.
func (s *StandIn) create(ctx context.Context, from Client, register engine.Register, c *container.Config, h *container.HostConfig, o Options) error {
	for {
		var err error
		if s.container, err = scratch.Create(ctx, from, register, c, h, nil); err != nil {
			return err
		}
		s.ID = s.container.ID
		kept, err := withoutSpecialFiles(ctx, from, s.ID, h.Mounts, o)
		if err != nil {
			return err
		}
		if len(kept) == len(h.Mounts) {
			return checkAccounts(ctx, from, s.ID)
		}
		h.Mounts = kept
		if err := s.container.Remove(ctx); err != nil {
			return err
		}
		s.container = nil
	}
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
