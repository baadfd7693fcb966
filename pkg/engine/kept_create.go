package engine

import (
	"context"
	"slices"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/system"

	"github.com/nsjoin/docker-nsjoin/pkg/request"
	"github.com/nsjoin/docker-nsjoin/pkg/state"
)

// setpcap is the capability to drop others from the bounding set.
const setpcap = "CAP_SETPCAP"

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
	info, err := st.mayShare(ctx)
	if err != nil {
		return newKept{}, err
	}
	version, err := st.version()
	if err != nil {
		return newKept{}, notKept("%w", err)
	}
	if IsPodman(version) { // its answer about a container differs from what the container was made with
		return newKept{}, notKept("the engine is Podman's service")
	}
	rights = append(slices.Clip(rights), setpcap) // its processes drop all that they don't need
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

// mayShare returns a notKeptError if each helper must have a container of its own, since the engine asks an authorization
// plugin about each, and else what the engine says about itself.
func (st *starter) mayShare(ctx context.Context) (system.Info, error) {
	info, err := st.engine.Info(ctx)
	if err != nil {
		return info, notKept("ask for the engine's plugins: %s", Message(err))
	}
	if len(info.Plugins.Authorization) > 0 && !st.keepFor.WithPolicy {
		return info, notKept("the engine has an authorization plugin: DOCKER_NSJOIN_KEEP=%s keeps a container all the same", st.keepFor.Time)
	}
	return info, nil
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
