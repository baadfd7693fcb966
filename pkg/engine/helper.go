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

// Creator is the part of the engine's client that starting a helper needs.
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

// Archive returns a tar archive to unpack at the root of the helper's container. arch is the engine's
// architecture, named like GOARCH.
type Archive func(arch string) (io.Reader, error)

// Helper is a running helper container.
type Helper struct {
	createdContainer
	swept  <-chan struct{} // closed when the sweep is done
	stream types.HijackedResponse
	wait   <-chan container.WaitResponse
	failed <-chan error
}

// StartHelper creates a helper container on the engine and starts it. warn is called if it has less
// than s asks for.
func (c *Connection) StartHelper(ctx context.Context, s Spec, archive Archive, warn func(string)) (*Helper, error) {
	to, err := c.Client()
	if err != nil {
		return nil, err
	}
	to.NegotiateAPIVersion(ctx)
	return StartHelper(ctx, to, c.register, s, archive, warn)
}

// start creates a helper container and starts it. On an error it removes the container. If the client
// is killed, the next call removes it (Register.sweep).
func (st *starter) start(ctx context.Context, s Spec) (*Helper, error) {
	if err := s.checkEngine(st.engine.ClientVersion()); err != nil {
		return nil, err
	}
	version := make(chan types.Version, 1)
	failed := make(chan error, 1)
	go func() { // at the same time as creating, to save a round trip
		v, err := st.engine.ServerVersion(ctx)
		version <- v
		failed <- err
	}()
	created, err := st.create(ctx, s)
	if err != nil {
		return nil, wrapStep(err, stepCreate)
	}
	h := &Helper{createdContainer: created, swept: st.swept}
	err = wrapStep(<-failed, "ask for the engine's architecture")
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

// start copies the helper, attaches to the container, and starts it. Requests that don't depend on each
// other run at the same time, each on its own connection: over a slow link, the round trips
// take most of the time.
func (h *Helper) start(ctx context.Context, engine Creator, version types.Version, archive Archive) error {
	const calls = 3
	done := make(chan error, calls)
	// The wait goes on after the caller of start has canceled ctx.
	waitCtx, cancelWait := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, cancelWait)
	defer stop()
	copied := make(chan struct{})
	go func() {
		defer close(copied)
		done <- h.copy(ctx, engine, version, archive)
	}()
	attached := make(chan types.HijackedResponse, 1)
	go func() {
		if isPodman(version) {
			<-copied // its service makes the process at the attach
		}
		stream, err := h.attach(ctx, engine)
		attached <- stream
		done <- err
	}()
	go func() {
		// Wait until the removal, as docker run --rm does: right after docker nsjoin has ended, the image
		// or the target can be removed.
		until := container.WaitConditionRemoved
		if isPodman(version) {
			until = container.WaitConditionNextExit // it keeps the status only until the removal
		}
		h.wait, h.failed = engine.ContainerWait(waitCtx, h.id, until)
		done <- nil
	}()
	var err error
	for i := 0; i < calls && err == nil; i++ {
		select {
		case err = <-done:
		case <-ctx.Done(): // attaching ignores ctx
			err = wrapStep(ctx.Err(), stepStart)
		}
	}
	if err == nil {
		h.stream = <-attached
		err = h.waitError()
	}
	if err == nil {
		err = wrapStep(engine.ContainerStart(ctx, h.id, container.StartOptions{}), stepStart)
	}
	if err != nil {
		cancelWait()
	}
	return err
}

func (h *Helper) copy(ctx context.Context, engine Creator, version types.Version, archive Archive) error {
	content, err := archive(version.Arch)
	if err != nil {
		return err
	}
	err = engine.CopyToContainer(ctx, h.id, "/", content, container.CopyToContainerOptions{})
	return wrapStep(err, "copy the helper into its container")
}

func (h *Helper) attach(ctx context.Context, engine Creator) (types.HijackedResponse, error) {
	stream, err := engine.ContainerAttach(ctx, h.id, container.AttachOptions{Stream: true, Stdin: true, Stdout: true, Stderr: true})
	return stream, wrapStep(err, "attach to the helper's container")
}

// waitError returns the error of the wait, if there is one already.
func (h *Helper) waitError() error {
	select {
	case err := <-h.failed:
		return wrapStep(err, "wait for the helper's container")
	default:
		return nil
	}
}

// isPodman reports whether the engine is Podman's service, which names itself in its version.
func isPodman(version types.Version) bool {
	return slices.ContainsFunc(version.Components, func(c types.ComponentVersion) bool { return c.Name == "Podman Engine" })
}

// ID returns the ID of the helper's container.
func (h *Helper) ID() string { return h.id }

// Write writes to the helper's standard input; io.Writer.
func (h *Helper) Write(b []byte) (int, error) { return h.stream.Conn.Write(b) }

// Close closes the connection. The helper takes that for a hangup of its caller.
func (h *Helper) Close() {
	if h.stream.Conn != nil {
		h.stream.Close()
	}
}

// Output copies the output of the helper and its command until they end.
func (h *Helper) Output(stdout, stderr io.Writer) error {
	_, err := stdcopy.StdCopy(stdout, stderr, h.stream.Reader)
	return err
}

// Wait waits until the helper has ended and its container is removed, and returns its exit status. It
// must be called once only.
func (h *Helper) Wait() (int, error) {
	select {
	case r := <-h.wait:
		if r.Error != nil {
			h.record.Release()
			return 0, fmt.Errorf("wait for the helper's container: %s", r.Error.Message)
		}
		h.record.Remove()
		const sweepTimeout = 2 * time.Second // the engine may hang while it removes a container
		select {
		case <-h.swept:
		case <-time.After(sweepTimeout):
		}
		return int(r.StatusCode), nil
	case err := <-h.failed:
		h.record.Release()
		return 0, exit.Hint(wrapStep(err, "connection to the engine lost"),
			"the command ends within a minute; docker ps --filter name=%s shows the helper's container", h.name)
	}
}

// Steps that other code compares with.
const (
	stepCreate = "create the helper's container"
	stepStart  = "start the helper's container"
)

// wrapStep adds what the engine was asked to do to its error.
func wrapStep(err error, what string) error {
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
	if cause := connectionProblem(e.err); cause != nil {
		return e.what + ": " + cause.Error()
	}
	return e.what + ": " + engineMessage(e.err)
}

func (e *stepError) Unwrap() error { return e.err }
