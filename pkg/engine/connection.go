package engine

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/client"
)

// firstVersion is the oldest version of the API that is known to do, that of
// Engine 20.10.
const firstVersion = "1.41"

// Connection is how an engine is reached. Nothing is sent before something is asked.
type Connection struct {
	opts     []client.Opt
	register Register
	last     *client.Client // nil before something was asked
}

// Connect prepares a connection from what the Docker CLI knows of the engine's
// endpoint, the name of its user agent and the headers that the user adds to each request. The
// containers that are made are recorded in register.
func Connect(endpoint []client.Opt, agent string, headers map[string]string, register Register) *Connection {
	opts := append(slices.Clip(endpoint), client.WithUserAgent(agent))
	if len(headers) > 0 {
		opts = append(opts, client.WithHTTPHeaders(headers))
	}
	return &Connection{opts: opts, register: register}
}

// Client is the client of the questions before, or else one that asks for the
// engine's version of the API before its first request.
func (c *Connection) Client() (*client.Client, error) {
	if c.last == nil {
		negotiating, err := client.NewClientWithOpts(c.opts...)
		if err != nil {
			return nil, err
		}
		c.last = negotiating
	}
	return c.last, nil
}

// Ours are the IDs of the helpers' containers that the user's calls have made.
func (c *Connection) Ours() map[string]bool { return c.register.Ours() }

// Local tells whether the engine is reached by a socket of this machine.
func (c *Connection) Local() (bool, error) {
	to, err := c.Client()
	if err != nil {
		return false, err
	}
	return strings.HasPrefix(to.DaemonHost(), "unix://"), nil
}

// Ended tells whether a container has ended, whose output somebody may still have to read. An engine
// that does not answer by ctx's deadline counts as yes: while it waits for that reader, it answers
// nothing about the container.
func (c *Connection) Ended(ctx context.Context, id string) bool {
	found, err := c.ContainerInspect(ctx, id)
	if errors.Is(err, context.DeadlineExceeded) {
		return true
	}
	return err == nil && found.ContainerJSONBase != nil && found.State != nil && !found.State.Running
}

// ContainerInspect asks for a container in the first version of the API, for
// which no question is needed before: one round trip. An engine that doesn't
// speak it any more, or DOCKER_API_VERSION, has another. What was found out about
// that, and the connection, serve the next question too.
func (c *Connection) ContainerInspect(ctx context.Context, name string) (container.InspectResponse, error) {
	if c.last == nil && os.Getenv(client.EnvOverrideAPIVersion) == "" {
		first, err := client.NewClientWithOpts(append(slices.Clip(c.opts), client.WithVersion(firstVersion))...)
		if err != nil {
			return container.InspectResponse{}, err
		}
		found, err := first.ContainerInspect(ctx, name)
		if !errdefs.IsInvalidArgument(err) {
			c.last = first
			return found, err
		}
	}
	to, err := c.Client()
	if err != nil {
		return container.InspectResponse{}, err
	}
	return to.ContainerInspect(ctx, name)
}
