// Package scratch makes containers that are thrown away: they are created to read the files of an image, and never
// started. Each is recorded before it is created. If the client is killed, the user's next call that makes one
// removes it.
package scratch

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/network"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/nsjoin/docker-nsjoin/pkg/engine"
	"github.com/nsjoin/docker-nsjoin/pkg/state"
)

// Client is the part of the engine's client that creates and removes containers.
type Client interface {
	engine.Remover
	ContainerCreate(ctx context.Context, c *container.Config, h *container.HostConfig, n *network.NetworkingConfig,
		p *ocispec.Platform, name string) (container.CreateResponse, error)
}

// Container is a container that will be thrown away.
type Container struct {
	ID     string
	name   string
	engine Client
	record *state.Record
}

// Times that the engine may take: to create a container, which copies the image's files at its volumes, to answer
// after the call was interrupted, and to remove a container.
const (
	createTimeout = 2 * time.Minute
	cancelTimeout = 2 * time.Second
	removeTimeout = 30 * time.Second
)

// program is the command of a container that is never started. An image may have none, and the engine wants one.
const program = "/docker-nsjoin-never-starts-this"

// OfImage creates a container of an image that the engine has, by the image's ID. platform is the image's, for an
// engine whose own platform is another one. The caller removes the container.
func OfImage(ctx context.Context, client Client, register engine.Register, image string, platform *ocispec.Platform) (*Container, error) {
	c, err := Create(ctx, client, register, config(image), hostConfig(), nil)
	if errdefs.IsNotFound(err) && platform != nil {
		c, err = Create(ctx, client, register, config(image), hostConfig(), platform)
	}
	return c, err
}

// config overrides what the image has configured and what the engine would do with it at once.
func config(image string) *container.Config {
	return &container.Config{
		Image: image, Entrypoint: []string{program}, Cmd: []string{}, User: "0:0", WorkingDir: "/",
		Healthcheck: &container.HealthConfig{Test: []string{"NONE"}}, NetworkDisabled: true,
	}
}

// hostConfig gives the container nothing. The engine connects it to no network, keeps no log and starts it never.
func hostConfig() *container.HostConfig {
	return &container.HostConfig{
		NetworkMode: "none", IpcMode: "none", CapDrop: []string{engine.AllCaps}, ReadonlyRootfs: true,
		LogConfig: container.LogConfig{Type: "none"}, RestartPolicy: container.RestartPolicy{Name: container.RestartPolicyDisabled},
	}
}

// Create records and creates a container, with a random name, and removes what killed clients have left. platform may
// be nil. If the engine does not answer, it may still have created the container, which is then removed by its name.
func Create(ctx context.Context, client Client, register engine.Register, c *container.Config, h *container.HostConfig, platform *ocispec.Platform) (*Container, error) {
	sweep(ctx, client, register)
	var random [16]byte
	if _, err := rand.Read(random[:]); err != nil {
		return nil, err
	}
	m := &Container{name: "docker-nsjoin-scratch-" + hex.EncodeToString(random[:]), engine: client}
	if register.State != nil {
		var err error
		m.record, err = register.State.Add(state.Scratch, state.Entry{
			Name: m.name, Endpoint: register.Endpoint, Context: register.Context, Began: time.Now(),
		})
		if err != nil {
			return nil, fmt.Errorf("a container that is thrown away needs a record, so that it is removed whatever happens: %w", err)
		}
	}
	createCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), createTimeout)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(cancelTimeout, cancel) })
	defer stop()
	created, err := client.ContainerCreate(createCtx, c, h, &network.NetworkingConfig{}, platform, m.name)
	switch {
	case err == nil:
		m.ID = created.ID
		m.record.SetID(m.ID)
		if ctx.Err() != nil {
			_ = m.Remove(ctx)
			return nil, ctx.Err()
		}
		return m, nil
	case engine.Answered(err):
		m.record.Remove()
		if errdefs.IsNotFound(err) {
			return nil, err
		}
		return nil, fmt.Errorf("create a container of the image: %w", refusal{err})
	}
	m.removeByName(ctx)
	return nil, engine.ExplainAs(err, "ask the engine for a container of the image", "create a container of the image")
}

// refusal is an error that the engine has answered with, without the words that the engine's client puts before it.
type refusal struct{ err error }

func (r refusal) Error() string { return engine.Message(r.err) }
func (r refusal) Unwrap() error { return r.err }

// removeByName removes a container that the engine has not answered about. It may not exist yet: then the record stays.
func (c *Container) removeByName(ctx context.Context) {
	const attempts = 10
	for range attempts {
		err := c.remove(ctx, c.name)
		if err == nil {
			c.record.Remove()
			return
		}
		if !errdefs.IsNotFound(err) {
			break
		}
		time.Sleep(cancelTimeout / attempts)
	}
	c.record.Release()
}

// Remove removes the container, also if ctx was canceled. If that fails, the next call does it, and the error says so.
func (c *Container) Remove(ctx context.Context) error {
	err := c.remove(ctx, c.ID)
	if err == nil || errdefs.IsNotFound(err) {
		c.record.Remove()
		return nil
	}
	c.record.Release()
	return fmt.Errorf("remove the container %s, which the next call tries again: %s", c.name, engine.Message(err))
}

func (c *Container) remove(ctx context.Context, id string) error {
	const attempts, pause = 3, 200 * time.Millisecond // an engine that is busy may fail to remove what it can remove a moment later
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), removeTimeout)
	defer cancel()
	for attempt := 1; ; attempt++ {
		err := c.engine.ContainerRemove(ctx, id, options)
		if err == nil || errdefs.IsNotFound(err) || !engine.Answered(err) || attempt == attempts {
			return err
		}
		time.Sleep(pause)
	}
}

// options remove the container's anonymous volumes, which the engine made for it: the image's VOLUME.
var options = container.RemoveOptions{Force: true, RemoveVolumes: true}

// sweep removes the containers of this user's clients that were killed. Without such a record the engine gets no
// request.
func sweep(ctx context.Context, client engine.Remover, register engine.Register) {
	if register.State == nil {
		return
	}
	register.RemoveAbandoned(*register.State, state.Scratch, createTimeout, func(e state.Entry) error {
		ctx, cancel := context.WithTimeout(ctx, removeTimeout)
		defer cancel()
		return client.ContainerRemove(ctx, cmp.Or(e.ID, e.Name), options) // the name is random
	})
}

// ParsePlatform makes an image's platform of what the engine says about the image; nil if it says nothing.
func ParsePlatform(os, arch, variant string) *ocispec.Platform {
	if strings.TrimSpace(arch) == "" {
		return nil
	}
	return &ocispec.Platform{OS: cmp.Or(os, "linux"), Architecture: arch, Variant: variant}
}
