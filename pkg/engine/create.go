package engine

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/network"

	"github.com/nsjoin/docker-nsjoin/pkg/state"
)

// createdContainer is a helper container and its record.
type createdContainer struct {
	id, name string
	record   *state.Record
}

// create creates the container. If the engine does not answer, it may still have created the container, which is
// then removed by its name.
func (st *starter) create(ctx context.Context, s Spec) (createdContainer, error) {
	m := createdContainer{name: "docker-nsjoin-" + string(s.Call)}
	if st.created > 0 { // the one before may still have the name
		m.name += "-" + strconv.Itoa(st.created+1)
	}
	m.record = st.register.add(m.name)
	createCtx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(cancelTimeout, cancel) })
	defer stop()
	created, err := st.engine.ContainerCreate(createCtx, s.config(), s.hostConfig(), &network.NetworkingConfig{}, nil, m.name)
	if !errdefs.IsNotFound(err) {
		st.created++
	}
	if err == nil {
		m.id = created.ID
		m.record.SetID(m.id)
		if ctx.Err() == nil {
			return m, nil
		}
		m.remove(ctx, st.engine)
		return createdContainer{}, ctx.Err()
	}
	if errors.Is(err, context.Canceled) || connectionProblem(err) != nil {
		m.removeByName(ctx, st.engine)
	} else {
		m.record.Remove()
	}
	return createdContainer{}, err
}

// cancelTimeout is how long to wait, after ctx was canceled, for the engine's answer with the ID, or for a
// container without an answer to appear. removeAttempts is how often to try to remove that container.
const (
	cancelTimeout  = 2 * time.Second
	removeAttempts = 10
)

// removeByName removes a container that the engine has not answered about. It may not exist yet.
func (m createdContainer) removeByName(ctx context.Context, engine Remover) {
	for range removeAttempts {
		err := remove(ctx, engine, m.name)
		if err == nil {
			m.record.Remove()
			return
		}
		if connectionProblem(err) != nil {
			break
		}
		time.Sleep(cancelTimeout / removeAttempts)
	}
	m.record.Release()
}

// remove removes the container. If that fails, the record leaves it to another call.
func (m createdContainer) remove(ctx context.Context, engine Remover) {
	if err := remove(ctx, engine, m.id); err == nil || errdefs.IsNotFound(err) {
		m.record.Remove()
		return
	}
	m.record.Release()
}

// remove removes a container that was just created, also if ctx was canceled. Its volumes are removed
// with it: the engine made them for it. Nothing can be mounted over an image's VOLUME data.
func remove(ctx context.Context, engine Remover, id string) error {
	const timeout = 10 * time.Second
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), timeout)
	defer cancel()
	return engine.ContainerRemove(ctx, id, container.RemoveOptions{Force: true, RemoveVolumes: true})
}
