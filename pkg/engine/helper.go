package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/docker/docker/api/types"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/api/types/system"
	"github.com/docker/docker/client"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/nsjoin/docker-nsjoin/pkg/exit"
	"github.com/nsjoin/docker-nsjoin/pkg/helperimage"
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
	ImageLoad(ctx context.Context, archive io.Reader, options ...client.ImageLoadOption) (image.LoadResponse, error)
	Executor
	ImageInspector
	ImageRemover
	Remover
}

// Helper is a running helper container.
type Helper struct {
	createdContainer
	ownImage   bool            // the engine removes it by itself
	background *sync.WaitGroup // requests to the engine that this process should wait for in the end
	stream     types.HijackedResponse
	sent       chan struct{} // closed when the first part of its standard input has been written
	wait       <-chan container.WaitResponse
	failed     <-chan error

	// In a container that is kept there is no end of the container to wait for.
	exec   string // the ID of the command that the engine runs there; else ""
	engine Executor
	ended  chan struct{} // closed when its output has ended
	reads  atomic.Int64  // odd while its output is waited for
	writes atomic.Int64  // to its standard input
}

// StartHelper creates a helper container on the engine, starts it, and writes first to its standard input.
// warn is called if it has less than s asks for.
func (c *Connection) StartHelper(ctx context.Context, s Spec, first []byte, warn func(string)) (*Helper, error) {
	st, err := c.newStarter(ctx, first, warn)
	if err != nil {
		return nil, err
	}
	return st.startHelper(ctx, s)
}

// newStarter returns a starter for this engine.
func (c *Connection) newStarter(ctx context.Context, first []byte, warn func(string)) (*starter, error) {
	to, err := c.Client()
	if err != nil {
		return nil, err
	}
	onSocket, err := c.Local()
	if err != nil {
		return nil, err
	}
	to.NegotiateAPIVersion(ctx)
	files := Files{Image: helperimage.New, Copy: helperimage.Copy, Compress: !onSocket, Sending: c.Sending}
	return newStarter(ctx, to, c.register, files, c.keep, first, warn), nil
}

// StartAlone is like StartHelper for a container that reads no request, and that is never one of those that are kept.
func (c *Connection) StartAlone(ctx context.Context, s Spec) (*Helper, error) {
	alone := *c
	alone.keep = Keep{}
	return alone.StartHelper(ctx, s, nil, func(string) {})
}

// Leave closes the connection. The container may go on; the engine removes it when it has ended.
func (h *Helper) Leave() {
	h.Close()
	h.record.Release()
}

// start creates a helper container and starts it. On an error it removes the container. If the client
// is killed, the next call removes it (Register.sweep).
func (st *starter) start(ctx context.Context, s Spec) (*Helper, error) {
	go func() { _, _ = st.version() }() // at the same time as creating, to save a round trip
	created, err := st.create(ctx, s)
	if err != nil {
		return nil, wrapStep(err, stepCreate)
	}
	h := &Helper{createdContainer: created, ownImage: s.own, background: &st.background, sent: make(chan struct{})}
	version, err := st.version()
	if err == nil {
		err = st.startCreated(ctx, h, s, version)
	}
	if err != nil {
		h.Close()
		h.remove(ctx, st.engine)
		return nil, err
	}
	return h, nil
}

// startCreated copies the helper if the image does not hold it, attaches to the container, and starts it.
// Requests that don't depend on each other run at the same time, each on its own connection: over a slow
// link, the round trips take most of the time.
func (st *starter) startCreated(ctx context.Context, h *Helper, s Spec, version types.Version) error {
	const calls = 3
	engine := st.engine
	done := make(chan error, calls)
	// The wait goes on after the caller of start has canceled ctx.
	waitCtx, cancelWait := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, cancelWait)
	defer stop()
	copied := make(chan struct{})
	go func() {
		defer close(copied)
		done <- st.copy(ctx, h, s, version)
	}()
	attached := make(chan types.HijackedResponse, 1)
	go func() {
		if IsPodman(version) {
			<-copied // Podman's service creates the process when a client attaches
		}
		stream, err := h.attach(ctx, engine)
		attached <- stream
		done <- err
	}()
	go func() {
		// Wait for the removal, as docker run --rm does: right after docker nsjoin has ended, the image
		// can be removed. Nobody expects that of the helper's own image.
		until := container.WaitConditionRemoved
		if s.own || IsPodman(version) {
			until = container.WaitConditionNextExit // Podman keeps the status only until the removal
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
		h.send(st.first)
		err = h.waitError()
	}
	if err == nil {
		err = wrapStep(engine.ContainerStart(ctx, h.id, container.StartOptions{}), stepStart)
	}
	if err == nil && !stop() { // the wait has ended
		err = wrapStep(ctx.Err(), stepStart)
	}
	if err != nil {
		cancelWait()
	}
	return err
}

// copy copies the helper into its container, unless the image holds it.
func (st *starter) copy(ctx context.Context, h *Helper, s Spec, version types.Version) error {
	if s.own {
		return nil
	}
	content, err := st.files.Copy(version.Arch, s.Call, st.files.Compress, s.More...)
	if err != nil {
		return err
	}
	defer content.Close()
	sent, end := st.files.sending(content, s.More)
	defer end()
	err = st.engine.CopyToContainer(ctx, h.id, "/", sent, container.CopyToContainerOptions{})
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

// IsPodman reports whether the engine is Podman's service, which names itself in its version.
func IsPodman(version types.Version) bool {
	return slices.ContainsFunc(version.Components, func(c types.ComponentVersion) bool { return c.Name == "Podman Engine" })
}

// ID returns the ID of the helper's container.
func (h *Helper) ID() string { return h.id }

// MayLeave reports whether a client may end when the helper has reported its exit status. The engine notices the
// end of the container 25 ms later, and removes it. Its record stays until another call finds that it is gone.
func (h *Helper) MayLeave() bool { return h.ownImage }

// send begins to write what comes first on the helper's standard input. The helper waits for all of it.
func (h *Helper) send(first []byte) {
	go func() {
		defer close(h.sent)
		_, _ = h.stream.Conn.Write(first)
	}()
}

// Write writes to the helper's standard input; io.Writer.
func (h *Helper) Write(b []byte) (int, error) {
	<-h.sent
	h.writes.Add(1)
	return h.stream.Conn.Write(b)
}

// CloseWrite ends the helper's standard input. Its output can still be read.
func (h *Helper) CloseWrite() error {
	<-h.sent
	return h.stream.CloseWrite()
}

// Close closes the connection. To the helper that means that its caller has hung up.
func (h *Helper) Close() {
	if h.stream.Conn != nil {
		h.stream.Close()
	}
}

// Output copies the output of the helper and its command until they end.
func (h *Helper) Output(stdout, stderr io.Writer) error {
	if h.ended != nil {
		defer close(h.ended)
	}
	from := countedReader{h.stream.Reader, &h.reads}
	d := demultiplexer{stdout: stdout, stderr: stderr, from: from, pause: pauseOf(h.stream), sent: &h.writes}
	return d.copy()
}

// Wait waits until the helper has ended and returns its exit status. If its image is not the helper's own, its
// container is removed then; else the engine removes it soon. It must be called once only.
func (h *Helper) Wait() (int, error) {
	if h.exec != "" {
		return h.waitInKept()
	}
	select {
	case r := <-h.wait:
		if r.Error != nil {
			h.record.Release()
			return 0, fmt.Errorf("wait for the helper's container: %s", r.Error.Message)
		}
		h.record.Remove()
		h.waitForBackground()
		return int(r.StatusCode), nil
	case err := <-h.failed:
		h.record.Release()
		return 0, h.lost(err)
	}
}

// lost returns the error of a connection that was lost.
func (h *Helper) lost(err error) error {
	filter := "name=" + h.name
	if h.exec != "" {
		filter = "id=" + ShortID(h.id)
	}
	return exit.Hint(wrapStep(err, "connection to the engine lost"),
		"the command ends within a minute; docker ps --filter %s shows the helper's container", filter)
}

// waitForBackground waits for the requests in the background, but not long: the engine may hang while it
// removes a container.
func (h *Helper) waitForBackground() {
	const timeout = 2 * time.Second
	done := make(chan struct{})
	go func() {
		h.background.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-time.After(timeout):
	}
}

// Names of steps that other code tests for.
const (
	stepCreate = "create the helper's container"
	stepStart  = "start the helper's container"
)

// wrapStep adds to an error of the engine what it was asked to do.
func wrapStep(err error, what string) error {
	if err == nil {
		return nil
	}
	return addSocketHint(&stepError{what: what, err: err})
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
	return e.what + ": " + Message(e.err)
}

func (e *stepError) Unwrap() error { return e.err }
