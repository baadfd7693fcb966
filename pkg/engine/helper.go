package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/docker/docker/api/types"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/api/types/system"
	"github.com/docker/docker/pkg/stdcopy"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/nsjoin/docker-nsjoin/pkg/exit"
)

// Creator is what starting a helper needs of the engine's client.
type Creator interface {
	ContainerCreate(ctx context.Context, config *container.Config, host *container.HostConfig, networks *network.NetworkingConfig, platform *ocispec.Platform, name string) (container.CreateResponse, error)
	CopyToContainer(ctx context.Context, id, path string, archive io.Reader, options container.CopyToContainerOptions) error
	ContainerAttach(ctx context.Context, id string, options container.AttachOptions) (types.HijackedResponse, error)
	ContainerWait(ctx context.Context, id string, condition container.WaitCondition) (<-chan container.WaitResponse, <-chan error)
	ContainerStart(ctx context.Context, id string, options container.StartOptions) error
	ServerVersion(ctx context.Context) (types.Version, error)
	ClientVersion() string
	ImageList(ctx context.Context, options image.ListOptions) ([]image.Summary, error)
	Info(ctx context.Context) (system.Info, error)
	ImageInspector
	Remover
}

// Archive gives what is unpacked at the root of the helper's container, for an
// engine's architecture as GOARCH names it.
type Archive func(arch string) (io.Reader, error)

// Helper is a helper's container that was started.
type Helper struct {
	made
	swept  <-chan struct{} // closed when abandoned ones were looked for
	stream types.HijackedResponse
	wait   <-chan container.WaitResponse
	failed <-chan error
}

// StartHelper makes a helper's container on the engine and starts it. warn is told
// what it has less than was wanted.
func (c *Connection) StartHelper(ctx context.Context, s Spec, archive Archive, warn func(string)) (*Helper, error) {
	to, err := c.Client()
	if err != nil {
		return nil, err
	}
	to.NegotiateAPIVersion(ctx)
	return StartOn(ctx, to, c.register, s, archive, warn)
}

// start makes a helper's container and starts it. Whatever fails, or is
// interrupted, nothing is left of it, but for a client that is killed: then the
// next one removes it (sweep).
func (st *starter) start(ctx context.Context, s Spec) (*Helper, error) {
	if err := s.suits(st.engine.ClientVersion()); err != nil {
		return nil, err
	}
	version := make(chan types.Version, 1)
	failed := make(chan error, 1)
	go func() { // on the way there and back that creating takes, too
		v, err := st.engine.ServerVersion(ctx)
		version <- v
		failed <- err
	}()
	created, err := st.create(ctx, s)
	if err != nil {
		return nil, step(err, creating)
	}
	h := &Helper{made: created, swept: st.swept}
	err = step(<-failed, "ask for the engine's architecture")
	if err == nil {
		err = h.start(ctx, st.engine, <-version, st.archive)
	}
	if err != nil {
		h.Close()
		h.remove(ctx, st.engine)
		return nil, err
	}
	return h, nil
}

// start does what the container's ID is needed for. What doesn't wait for one
// another goes at once, each on a connection of its own: over a slow link it is
// the way there and back that takes the time.
func (h *Helper) start(ctx context.Context, engine Creator, version types.Version, archive Archive) error {
	const calls = 3
	done := make(chan error, calls)
	// What waits for the end is not to end with what ends us.
	waiting, stopWaiting := context.WithCancel(context.WithoutCancel(ctx))
	unhook := context.AfterFunc(ctx, stopWaiting)
	defer unhook()
	copied := make(chan struct{})
	go func() {
		defer close(copied)
		done <- h.copy(ctx, engine, version, archive)
	}()
	attached := make(chan types.HijackedResponse, 1)
	go func() {
		if isPodman(version) {
			<-copied // its service makes the process when it is attached to
		}
		stream, err := h.attach(ctx, engine)
		attached <- stream
		done <- err
	}()
	go func() {
		// It is removed before it is said to have ended, as docker run --rm does: an
		// image or a container can be removed right after.
		until := container.WaitConditionRemoved
		if isPodman(version) {
			until = container.WaitConditionNextExit // it has the status until then only
		}
		h.wait, h.failed = engine.ContainerWait(waiting, h.id, until)
		done <- nil
	}()
	var err error
	for i := 0; i < calls && err == nil; i++ {
		select {
		case err = <-done:
		case <-ctx.Done(): // to attach doesn't look at it
			err = step(ctx.Err(), starting)
		}
	}
	if err == nil {
		h.stream = <-attached
		err = h.lost()
	}
	if err == nil {
		err = step(engine.ContainerStart(ctx, h.id, container.StartOptions{}), starting)
	}
	if err != nil {
		stopWaiting()
	}
	return err
}

func (h *Helper) copy(ctx context.Context, engine Creator, version types.Version, archive Archive) error {
	content, err := archive(version.Arch)
	if err != nil {
		return err
	}
	err = engine.CopyToContainer(ctx, h.id, "/", content, container.CopyToContainerOptions{})
	return step(err, "copy the helper into its container")
}

func (h *Helper) attach(ctx context.Context, engine Creator) (types.HijackedResponse, error) {
	stream, err := engine.ContainerAttach(ctx, h.id, container.AttachOptions{Stream: true, Stdin: true, Stdout: true, Stderr: true})
	return stream, step(err, "attach to the helper's container")
}

// lost tells whether the engine has refused already to tell the helper's end.
func (h *Helper) lost() error {
	select {
	case err := <-h.failed:
		return step(err, "wait for the helper's container")
	default:
		return nil
	}
}

// isPodman tells Podman's service, which answers as an Engine does, by its own name.
func isPodman(version types.Version) bool {
	return slices.ContainsFunc(version.Components, func(c types.ComponentVersion) bool { return c.Name == "Podman Engine" })
}

// ID is the ID of the helper's container.
func (h *Helper) ID() string { return h.id }

// Write writes to the helper's standard input; io.Writer.
func (h *Helper) Write(b []byte) (int, error) { return h.stream.Conn.Write(b) }

// Close hangs up. The helper takes that for the end of its caller.
func (h *Helper) Close() {
	if h.stream.Conn != nil {
		h.stream.Close()
	}
}

// Output copies what the helper and its command write, until they end.
func (h *Helper) Output(stdout, stderr io.Writer) error {
	_, err := stdcopy.StdCopy(stdout, stderr, h.stream.Reader)
	return err
}

// Wait waits until the helper has ended and its container is removed, and returns
// its exit status. It is called once.
func (h *Helper) Wait() (int, error) {
	select {
	case r := <-h.wait:
		if r.Error != nil {
			h.record.Release()
			return 0, fmt.Errorf("wait for the helper's container: %s", r.Error.Message)
		}
		h.record.Remove()
		const patience = 2 * time.Second // with an engine that doesn't remove what it should
		select {
		case <-h.swept:
		case <-time.After(patience):
		}
		return int(r.StatusCode), nil
	case err := <-h.failed:
		h.record.Release()
		return 0, exit.Hint(step(err, "lost the engine"),
			"the command is ended within a minute; docker ps --filter name=%s shows its helper", h.name)
	}
}

// The steps that are told apart.
const (
	creating = "create the helper's container"
	starting = "start the helper's container"
)

// step names what the engine didn't do, with its own words.
func step(err error, what string) error {
	if err == nil {
		return nil
	}
	return &stepError{what: what, err: err}
}

type stepError struct {
	what string
	err  error
}

func (e *stepError) Error() string {
	if errors.Is(e.err, context.Canceled) {
		return e.what + ": interrupted"
	}
	if cause := noEngine(e.err); cause != nil {
		return e.what + ": " + cause.Error()
	}
	return e.what + ": " + itsWords(e.err)
}

func (e *stepError) Unwrap() error { return e.err }
