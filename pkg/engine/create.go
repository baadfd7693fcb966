package engine

import (
	"context"
	"crypto/rand"
	"errors"
	"strings"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/network"
)

// create makes the container and returns its ID. Where there is no answer the engine may
// have made it all the same: then it is removed by its name.
func create(ctx context.Context, engine Creator, s Spec) (id string, err error) {
	name := "nsjoin-" + strings.ToLower(rand.Text())
	asking, giveUp := context.WithCancel(context.WithoutCancel(ctx))
	defer giveUp()
	unhook := context.AfterFunc(ctx, func() { time.AfterFunc(answerWithin, giveUp) })
	defer unhook()
	created, err := engine.ContainerCreate(asking, s.config(), s.hostConfig(), &network.NetworkingConfig{}, nil, name)
	switch {
	case err == nil && ctx.Err() == nil:
		return created.ID, nil
	case err == nil:
		_ = remove(ctx, engine, created.ID)
		return "", ctx.Err()
	case errors.Is(err, context.Canceled) || noEngine(err) != nil:
		for range removals { // it may be on its way
			gone := remove(ctx, engine, name)
			if gone == nil || noEngine(gone) != nil {
				break
			}
			time.Sleep(answerWithin / removals)
		}
	}
	return "", err
}

// answerWithin is how long an engine whose user is gone may take to tell what it made, and
// removals how often is tried to remove what it didn't tell of.
const (
	answerWithin = 2 * time.Second
	removals     = 10
)

// remove removes a container, also where ctx was what ended the attempt.
func remove(ctx context.Context, engine Creator, id string) error {
	const within = 10 * time.Second
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), within)
	defer cancel()
	return engine.ContainerRemove(ctx, id, container.RemoveOptions{Force: true, RemoveVolumes: true})
}
