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

// made is a container that was made, and its record.
type made struct {
	id, name string
	record   *state.Record
}

// create makes the container. If there is no answer the engine may have made it all the
// same: then it is removed by its name.
func (st *starter) create(ctx context.Context, s Spec) (made, error) {
	m := made{name: "docker-nsjoin-" + string(s.Call)}
	if st.made++; st.made > 1 { // the one before may not be gone
		m.name += "-" + strconv.Itoa(st.made)
	}
	m.record = st.register.add(m.name)
	asking, giveUp := context.WithCancel(context.WithoutCancel(ctx))
	defer giveUp()
	unhook := context.AfterFunc(ctx, func() { time.AfterFunc(answerWithin, giveUp) })
	defer unhook()
	created, err := st.engine.ContainerCreate(asking, s.config(), s.hostConfig(), &network.NetworkingConfig{}, nil, m.name)
	if err == nil {
		m.id = created.ID
		m.record.SetID(m.id)
		if ctx.Err() == nil {
			return m, nil
		}
		m.remove(ctx, st.engine)
		return made{}, ctx.Err()
	}
	if errors.Is(err, context.Canceled) || noEngine(err) != nil {
		m.removeNamed(ctx, st.engine)
	} else {
		m.record.Remove()
	}
	return made{}, err
}

// answerWithin is how long an engine whose user is gone may take to tell what it made, and
// removals how often is tried to remove what it didn't tell of.
const (
	answerWithin = 2 * time.Second
	removals     = 10
)

// removeNamed removes a container that the engine told nothing of. It may be on its way.
func (m made) removeNamed(ctx context.Context, engine Remover) {
	for range removals {
		err := remove(ctx, engine, m.name)
		if err == nil {
			m.record.Remove()
			return
		}
		if noEngine(err) != nil {
			break
		}
		time.Sleep(answerWithin / removals)
	}
	m.record.Release()
}

// remove removes a container, or leaves it to another call.
func (m made) remove(ctx context.Context, engine Remover) {
	if err := remove(ctx, engine, m.id); err == nil || errdefs.IsNotFound(err) {
		m.record.Remove()
		return
	}
	m.record.Release()
}

// remove removes a container that was made just now, also if ctx was what ended the
// attempt. Its volumes are those that the engine made for it: an image can have a volume
// that nothing can be mounted over, VOLUME data.
func remove(ctx context.Context, engine Remover, id string) error {
	const within = 10 * time.Second
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), within)
	defer cancel()
	return engine.ContainerRemove(ctx, id, container.RemoveOptions{Force: true, RemoveVolumes: true})
}
