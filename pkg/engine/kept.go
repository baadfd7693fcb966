package engine

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strconv"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types"
	"github.com/docker/docker/api/types/container"

	"github.com/nsjoin/docker-nsjoin/pkg/helperimage"
	"github.com/nsjoin/docker-nsjoin/pkg/payload"
	"github.com/nsjoin/docker-nsjoin/pkg/plan"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
	"github.com/nsjoin/docker-nsjoin/pkg/state"
)

// Keep says whether a helper's container stays for later calls.
type Keep struct {
	// Time is how long it stays after its last call; 0 for no such container.
	Time time.Duration
	// WithPolicy says that it may also be used on an engine with an authorization plugin.
	WithPolicy bool
}

// seconds is the container's idle time.
func (k Keep) seconds() int { return int(k.Time / time.Second) }

// KeepForOneCall has one call use one container for all its helpers, which ends soon after the call.
func (c *Connection) KeepForOneCall() {
	if c.keep.Time == 0 {
		c.keep.Time = shortTime
	}
}

// shortTime is how long a container stays that is used by a single call.
const shortTime = 15 * time.Second

// Executor is the part of the engine's client that a container that is kept needs.
type Executor interface {
	Inspector
	ContainerExecCreate(ctx context.Context, id string, options container.ExecOptions) (container.ExecCreateResponse, error)
	ContainerExecAttach(ctx context.Context, id string, options container.ExecAttachOptions) (types.HijackedResponse, error)
	ContainerExecInspect(ctx context.Context, id string) (container.ExecInspect, error)
}

// notKeptError says why a call needs a container of its own although one could be kept.
type notKeptError struct{ why error }

func (e *notKeptError) Error() string { return e.why.Error() }
func (e *notKeptError) Unwrap() error { return e.why }

func notKept(format string, args ...any) error { return &notKeptError{fmt.Errorf(format, args...)} }

// startKept runs a helper in the container that is kept, and starts that if there is none. The error is a
// notKeptError if the call needs a container of its own.
func (st *starter) startKept(ctx context.Context, s Spec) (*Helper, error) {
	if err := s.needsOwn(); err != nil {
		return nil, err
	}
	rights, name := s.Caps, st.keptName()
	old, known := st.register.kept(name)
	if known {
		h, err := st.execKept(ctx, old, s)
		if decides(err) {
			return h, err
		}
		st.register.debug(fmt.Sprintf("the helper's container that was kept is not used any more: %v", err))
		rights = slices.Concat(rights, old.Caps) // for both calls
	}
	made, err := st.keep(ctx, name, s.Call, rights, old.ID)
	if err != nil {
		if h, other := st.execAnothers(ctx, name, old.ID, s, err); decides(other) {
			return h, other
		}
		if known && isStartError(ctx, errors.Unwrap(err)) && has(rights, AllCaps) {
			st.register.restoreCapped(old)
		}
		return nil, err
	}
	h, err := st.execKept(ctx, made.record.Entry, s)
	if !decides(err) {
		made.discard(ctx, st.engine)
		return nil, notKept("the container that is kept: %v", err)
	}
	made.share()
	return h, err
}

// execAnothers runs a helper in the container that another call has started meanwhile, if err says so. old is the ID
// of the one that does not serve.
func (st *starter) execAnothers(ctx context.Context, name, old string, s Spec, err error) (*Helper, error) {
	if !errors.Is(err, errKeptByAnother) {
		return nil, &notHeldError{err}
	}
	other, ready := st.register.kept(name)
	if !ready || other.ID == old {
		return nil, &notHeldError{err}
	}
	return st.execKept(ctx, other, s)
}

// needsOwn returns a notKeptError if the helper needs a container of its own, and nil if it can share one.
func (s Spec) needsOwn() error {
	switch {
	case s.ImageGiven:
		return notKept("--helper-image is given")
	case len(s.More) > 0:
		return notKept("the call needs another image")
	case s.target.ContainerJSONBase != nil && s.IdentityOf != "" && s.target.HostConfig != nil &&
		(len(s.target.HostConfig.Ulimits) > 0 || s.target.HostConfig.OomScoreAdj != 0):
		return notKept("container %s has limits or an OOM score of its own", s.Name)
	}
	return nil
}

// keptName is the name of the record of the container that this call can use.
func (st *starter) keptName() string {
	image := "" // this machine may have an architecture that there is no helper for
	if own, err := st.files.Image(runtime.GOARCH); err == nil {
		image = own.ID
	}
	return st.register.keptName(image, strconv.Itoa(st.keepFor.seconds()))
}

// execKept runs a helper in the container of a record. The container must be as it was made: nothing else, such as
// another container of that name, ever gets a request.
func (st *starter) execKept(ctx context.Context, entry state.Entry, s Spec) (*Helper, error) {
	if entry.Rootless && (s.HostIPC || s.HostUTS) {
		return nil, notKept("the engine is rootless, and the command has the host's IPC or UTS namespace")
	}
	if entry.Capped && has(s.Caps, AllCaps) {
		return nil, notKept("the engine cannot grant all capabilities")
	}
	if missing := plan.CapSet(capMask(s.Caps) &^ capMask(entry.Caps)); missing != 0 {
		if has(s.Caps, AllCaps) {
			return nil, &notHeldError{errors.New("it lacks capabilities")}
		}
		return nil, &notHeldError{fmt.Errorf("it lacks %s", missing)}
	}
	checked := make(chan error, 1)
	go func() { checked <- st.checkKept(ctx, entry) }() // at the same time as preparing, to save a round trip
	prepared, err := st.engine.ContainerExecCreate(ctx, entry.ID, container.ExecOptions{
		User: "0:0", WorkingDir: "/", AttachStdin: true, AttachStdout: true, AttachStderr: true, Env: payload.Env(),
		Cmd: []string{helperimage.Program, request.FramesArg, strconv.FormatUint(capMask(s.Caps), 16)},
	})
	if failed := <-checked; failed != nil {
		return nil, failed
	}
	if err != nil {
		return nil, notHeld(ctx, err, "prepare the helper in its container")
	}
	stream, err := st.attachKept(ctx, prepared.ID)
	if err != nil {
		return nil, notHeld(ctx, err, stepStart)
	}
	h := &Helper{
		createdContainer: createdContainer{id: entry.ID, name: entry.Name}, background: &st.background,
		stream: stream, sent: make(chan struct{}), exec: prepared.ID, engine: st.engine, ownImage: true, ended: make(chan struct{}),
	}
	h.send(st.first)
	if err := h.welcomed(ctx); err != nil {
		h.Close()
		return nil, err
	}
	return h, nil
}

// attachKept starts a prepared command and attaches to it. The engine's client ignores ctx, and the engine may hang:
// the container may be frozen.
func (st *starter) attachKept(ctx context.Context, id string) (types.HijackedResponse, error) {
	type answer struct {
		stream types.HijackedResponse
		err    error
	}
	answered := make(chan answer, 1)
	go func() {
		stream, err := st.engine.ContainerExecAttach(ctx, id, container.ExecAttachOptions{})
		answered <- answer{stream, err}
	}()
	select {
	case a := <-answered:
		return a.stream, a.err
	case <-ctx.Done():
		go func() {
			if a := <-answered; a.err == nil {
				a.stream.Close()
			}
		}()
		return types.HijackedResponse{}, ctx.Err()
	}
}

// notHeld returns the engine's error at a step before the helper was started: a notHeldError if the engine has
// answered.
func notHeld(ctx context.Context, err error, step string) error {
	if ctx.Err() != nil || connectionProblem(err) != nil {
		return wrapStep(err, step)
	}
	return &notHeldError{wrapStep(err, step)}
}

// notHeldError says that a container that is kept did not take the call.
type notHeldError struct{ why error }

func (e *notHeldError) Error() string { return e.why.Error() }

// decides reports whether an error of execKept, nil too, decides the call, so that no other container is tried.
func decides(err error) bool {
	_, unfit := errors.AsType[*notHeldError](err)
	return !unfit
}

// checkKept checks that the container of a record runs, and is what keep made.
func (st *starter) checkKept(ctx context.Context, entry state.Entry) error {
	c, err := st.engine.ContainerInspect(ctx, entry.ID)
	if errdefs.IsNotFound(err) {
		return &notHeldError{errors.New("it has ended")}
	}
	if err != nil {
		return notHeld(ctx, err, "inspect the helper's container")
	}
	if c.ContainerJSONBase == nil || c.Config == nil || c.HostConfig == nil || c.State == nil {
		return &notHeldError{errors.New("the engine's answer is incomplete")}
	}
	own, err := st.files.Image(entry.Arch)
	if err != nil {
		return &notHeldError{err}
	}
	want := Spec{keep: st.keepFor.seconds(), own: true, Caps: entry.Caps}
	host, wantHost := c.HostConfig, want.hostConfig()
	for _, check := range []struct {
		what string
		ok   bool
	}{
		{"ID", c.ID == entry.ID},
		{"state", c.State.Running && !c.State.Paused},
		{"image", c.Image == entry.Image && slices.Contains(own.IDs(), c.Image)},
		{"command", c.Path == helperimage.Program && slices.Equal(c.Args, want.arguments())},
		{"user", c.Config.User == "0:0"},
		{"mounts", len(c.Mounts) == 0 && len(host.Binds) == 0 && len(host.Mounts) == 0 && len(host.Tmpfs) == 0 && len(host.VolumesFrom) == 0},
		{"namespaces", host.PidMode == wantHost.PidMode && host.NetworkMode == wantHost.NetworkMode && host.IpcMode == wantHost.IpcMode &&
			host.UTSMode == wantHost.UTSMode && host.UsernsMode == wantHost.UsernsMode && host.CgroupnsMode == wantHost.CgroupnsMode},
		{"rights", !host.Privileged && capMask(host.CapAdd) == capMask(want.Caps) && sameSet(host.SecurityOpt, wantHost.SecurityOpt)},
		{"devices", len(host.Devices) == 0 && len(host.DeviceRequests) == 0},
		{"root", host.ReadonlyRootfs},
		{"removal", host.AutoRemove},
	} {
		if !check.ok {
			return &notHeldError{fmt.Errorf("its %s is not that of a container that this version keeps", check.what)}
		}
	}
	return nil
}

// sameSet reports whether two lists have the same strings, in any order.
func sameSet(one, other []string) bool {
	return slices.Equal(slices.Sorted(slices.Values(one)), slices.Sorted(slices.Values(other)))
}
