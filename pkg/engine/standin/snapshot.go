package standin

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/image"

	"github.com/nsjoin/docker-nsjoin/pkg/engine"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
	"github.com/nsjoin/docker-nsjoin/pkg/state"
)

// snapshot is an image of a container, with the container's changes.
type snapshot struct {
	id     string
	name   string // random, so that it can be removed before its ID is known
	record *state.Record
}

// commitGrace is how long the engine may take to answer about an image after ctx was canceled.
const commitGrace = 10 * time.Second

// commitTimeout is how long the engine may take to make an image that a client asked for just before it was killed.
const commitTimeout = 10 * time.Minute

// commit makes an image of a container, which is not paused for that, and removes the images of killed clients.
func commit(ctx context.Context, from Client, register engine.Register, id string, call request.Call) (*snapshot, error) {
	sweep(ctx, from, register)
	s := &snapshot{name: "docker-nsjoin/snapshot:" + string(call)}
	if register.State != nil {
		var err error
		s.record, err = register.State.Lasting().Add(state.Snapshot, state.Entry{
			Name: string(call), Image: s.name, Endpoint: register.Endpoint, Context: register.Context, Began: time.Now(),
		})
		if err != nil {
			return nil, fmt.Errorf("an image that is thrown away needs a record, so that it is removed whatever happens: %w", err)
		}
	}
	// An engine makes the image also when its client is gone, so the answer is waited for: then it can be removed.
	commitCtx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(commitGrace, cancel) })
	defer stop()
	made, err := from.ContainerCommit(commitCtx, id, container.CommitOptions{
		Reference: s.name, Comment: "docker nsjoin debug",
		Config: &container.Config{}, // changes nothing; Podman's service accepts no request without one
	})
	if err != nil {
		if engine.Answered(err) {
			s.record.Remove()
		} else {
			_ = s.remove(ctx, from)
		}
		return nil, errors.New(engine.Message(err))
	}
	s.id = made.ID
	s.record.SetID(s.id)
	if ctx.Err() != nil {
		_ = s.remove(ctx, from)
		return nil, ctx.Err()
	}
	return s, nil
}

// remove removes the image, also if ctx was canceled. The container that was made of it has been removed, but the
// engine may still be busy with that.
func (s *snapshot) remove(ctx context.Context, from Client) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), removeTimeout)
	defer cancel()
	const attempts, pause = 20, 100 * time.Millisecond
	var err error
	for range attempts {
		if _, err = from.ImageRemove(ctx, s.name, image.RemoveOptions{PruneChildren: true}); isGone(err) {
			if s.id == "" && err != nil {
				s.record.Release() // the engine has not answered, and may still make it
			} else {
				s.record.Remove()
			}
			return nil
		}
		time.Sleep(pause)
	}
	s.record.Release()
	return fmt.Errorf("remove the image %s, which the next call tries again: %s", s.name, engine.Message(err))
}

// sweep removes the images of this user's clients that were killed.
func sweep(ctx context.Context, from Client, register engine.Register) {
	if register.State == nil {
		return
	}
	register.RemoveAbandoned(register.State.Lasting(), state.Snapshot, commitTimeout, func(e state.Entry) error {
		ctx, cancel := context.WithTimeout(ctx, removeTimeout)
		defer cancel()
		_, err := from.ImageRemove(ctx, cmp.Or(e.Image, e.ID), image.RemoveOptions{PruneChildren: true})
		return err
	})
}
