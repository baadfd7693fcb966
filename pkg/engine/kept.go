package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/pkg/stdcopy"

	"github.com/nsjoin/docker-nsjoin/pkg/exit"
	"github.com/nsjoin/docker-nsjoin/pkg/frame"
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
	switch {
	case s.ImageGiven:
		return nil, notKept("--helper-image is given")
	case len(s.More) > 0:
		return nil, notKept("the call needs another image")
	case s.target.ContainerJSONBase != nil && s.IdentityOf != "" && s.target.HostConfig != nil &&
		(len(s.target.HostConfig.Ulimits) > 0 || s.target.HostConfig.OomScoreAdj != 0):
		return nil, notKept("container %s has limits or an OOM score of its own", s.Name)
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

// keptName is the name of the record of the container that this call can use.
func (st *starter) keptName() string {
	image := "" // this machine may have an architecture that there is no helper for
	if own, err := st.files.Image(runtime.GOARCH); err == nil {
		image = own.ID
	}
	return st.register.keptName(image, strconv.Itoa(st.keepFor.seconds()))
}

// newKept is a container that was started to be kept. No other call knows of it before share.
type newKept struct {
	record  *state.Record
	created createdContainer
}

// share lets other calls use the container, now that it has served one.
func (k newKept) share() {
	k.record.SetID(k.record.ID)
	k.record.Release()
	k.created.record.Remove()
}

// discard removes the container.
func (k newKept) discard(ctx context.Context, engine Remover) {
	k.created.remove(ctx, engine)
	k.record.Remove()
}

// keep starts a container that is kept, in place of the one with the ID replaced. Only one call at a time does that.
func (st *starter) keep(ctx context.Context, name string, call request.Call, rights []string, replaced string) (newKept, error) {
	info, err := st.engine.Info(ctx)
	if err != nil {
		return newKept{}, notKept("ask for the engine's plugins: %s", Message(err))
	}
	if len(info.Plugins.Authorization) > 0 && !st.keepFor.WithPolicy {
		return newKept{}, notKept("the engine has an authorization plugin: DOCKER_NSJOIN_KEEP=%s keeps a container all the same", st.keepFor.Time)
	}
	version, err := st.version()
	if err != nil {
		return newKept{}, notKept("%w", err)
	}
	if isPodman(version) { // its answer about a container differs from what the container was made with
		return newKept{}, notKept("the engine is Podman's service")
	}
	record, err := st.register.addKept(name, replaced)
	if err != nil {
		return newKept{}, notKept("%w", err)
	}
	st.background.Go(func() { st.register.sweepKept(ctx, st.engine, name) })
	created, image, err := st.createKept(ctx, Spec{Call: call, Caps: uniqueCaps(rights), keep: st.keepFor.seconds()})
	if err != nil {
		record.Remove()
		return newKept{}, &notKeptError{err}
	}
	record.ID, record.Image, record.Arch, record.Caps = created.id, image.Image, image.arch, rights
	record.Rootless = slices.Contains(info.SecurityOptions, "name=rootless")
	return newKept{record: record, created: created}, nil
}

// createKept creates the container and starts it. It returns what it was made with.
func (st *starter) createKept(ctx context.Context, s Spec) (created createdContainer, made Spec, err error) {
	_, err = st.withOwnImage(ctx, s, func(s Spec) (_ *Helper, err error) {
		if created, err = st.create(ctx, s); err != nil {
			return nil, wrapStep(err, stepCreate)
		}
		made = s
		if err = wrapStep(st.engine.ContainerStart(ctx, created.id, container.StartOptions{}), stepStart); err != nil {
			created.remove(ctx, st.engine)
		}
		return nil, err
	})
	return created, made, err
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
		Cmd: []string{helperimage.Program, framesArg, strconv.FormatUint(capMask(s.Caps), 16)},
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

// hello is the helper's first frame on standard error.
var hello = []byte{byte(frame.Hello), 0, 0, 0, 0}

// helloTimeout is how long the first frame may take, on a busy machine too.
var helloTimeout = 20 * time.Second

// welcomed waits until the helper runs and holds its container. Its error is a notHeldError only if the helper has
// not read the request and never will: nothing may run twice.
func (h *Helper) welcomed(ctx context.Context) error {
	stop := context.AfterFunc(ctx, h.Close)
	defer stop()
	late := time.AfterFunc(helloTimeout, h.Close)
	defer late.Stop()
	began := time.Now()
	const header = 8 // of what the engine sends: the stream's number in the first byte
	got, err := h.stream.Reader.Peek(header + len(hello))
	switch {
	case ctx.Err() != nil:
		return wrapStep(ctx.Err(), stepStart)
	case len(got) > 0 && got[0] == byte(stdcopy.Stdout):
		return nil // it may come before the first frame on the other stream
	case err == nil && got[0] == byte(stdcopy.Stderr) && bytes.Equal(got[header:], hello):
		return nil
	case err == nil:
		return &notHeldError{fmt.Errorf("the helper does not start in it: %q", got)}
	case time.Since(began) >= helloTimeout:
		return exit.Hint(errors.New("the helper's container that is kept does not answer"),
			"its first process may be stopped; docker rm -f %s removes it", ShortID(h.id))
	}
	found, failed := h.engine.ContainerExecInspect(ctx, h.exec)
	if failed == nil && found.Running || failed != nil && !isExecGone(failed) {
		return h.lost(err)
	}
	return &notHeldError{fmt.Errorf("it ends: %w", err)}
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

// waitInKept waits until the helper has ended, and returns the exit status that the engine knows of.
func (h *Helper) waitInKept() (int, error) {
	stop := make(chan struct{})
	defer close(stop)
	go h.hangUpIfLost(stop, lostInterval, lostPause)
	<-h.ended
	const timeout, pause = 5 * time.Second, 50 * time.Millisecond
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	for {
		found, err := h.engine.ContainerExecInspect(ctx, h.exec)
		if isExecGone(err) {
			return 0, errors.New("the helper's container that is kept was stopped during the call")
		}
		if err != nil {
			return 0, h.lost(err)
		}
		if !found.Running {
			return found.ExitCode, nil
		}
		time.Sleep(pause)
	}
}

// lostInterval is how often to ask whether a helper in a container that is kept has ended, and lostPause how long its
// output may then take to come.
var lostInterval, lostPause = 15 * time.Second, 2 * time.Second

// hangUpIfLost closes the connection if the engine says that the helper has ended, but does not end its output:
// Engine 20.10 doesn't when somebody stops the container. Output that has come and is not read yet is not lost.
func (h *Helper) hangUpIfLost(stop <-chan struct{}, interval, pause time.Duration) {
	looks := time.NewTicker(interval)
	defer looks.Stop()
	for {
		select {
		case <-stop:
			return
		case <-h.ended:
			return
		case <-looks.C:
		}
		ctx, cancel := context.WithTimeout(context.Background(), interval)
		ended := h.endedInKept(ctx, nil)
		cancel()
		before := h.reads.Load()
		if !ended || before%2 == 0 {
			continue
		}
		select {
		case <-stop:
			return
		case <-time.After(pause):
		}
		if h.reads.Load() == before { // it has been waiting all the time
			h.Close()
			return
		}
	}
}

// countedReader counts the beginnings and ends of Read: the number is odd while it waits.
type countedReader struct {
	from  io.Reader
	count *atomic.Int64
}

func (r countedReader) Read(b []byte) (int, error) {
	r.count.Add(1)
	defer r.count.Add(1)
	return r.from.Read(b)
}

// endedInKept reports whether the engine says that the helper has ended, or answers with the error also.
func (h *Helper) endedInKept(ctx context.Context, also error) bool {
	found, err := h.engine.ContainerExecInspect(ctx, h.exec)
	return isExecGone(err) || also != nil && errors.Is(err, also) || err == nil && !found.Running
}

// isExecGone reports whether an error says that the engine no longer knows a command, since its container was
// stopped or removed.
func isExecGone(err error) bool { return errdefs.IsNotFound(err) || errdefs.IsConflict(err) }

// capMask returns capabilities as a number, bit N for capability number N.
func capMask(names []string) uint64 {
	var set plan.CapSet
	for _, name := range names {
		if strings.EqualFold(name, AllCaps) {
			return math.MaxUint64
		}
		set |= plan.ParseCap(name)
	}
	return uint64(set)
}

// uniqueCaps returns the names of capabilities, each once; only ALL if that is among them.
func uniqueCaps(names []string) []string {
	if has(names, AllCaps) {
		return []string{AllCaps}
	}
	var list []string
	for _, name := range plan.CapSet(capMask(names)).Names() {
		list = append(list, "CAP_"+strings.ToUpper(name))
	}
	return list
}

// sameSet reports whether two lists have the same strings, in any order.
func sameSet(one, other []string) bool {
	return slices.Equal(slices.Sorted(slices.Values(one)), slices.Sorted(slices.Values(other)))
}
