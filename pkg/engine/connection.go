package engine

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	networktypes "github.com/docker/docker/api/types/network"
	"github.com/docker/docker/client"
)

// minVersion is the oldest supported version of the API, that of Engine 20.10.
const minVersion = "1.41"

// Connection is the way to an engine. Nothing is sent before the first request.
type Connection struct {
	// Sending is called when a program is sent to the engine, with what is sent and how far that is, and its result
	// when that is over. It may be nil.
	Sending func(what string, far func() string) (end func())

	opts     []client.Opt
	register Register
	keep     Keep
	client   *client.Client // nil before the first request
	pinned   bool           // client speaks minVersion
	asked    bool           // client has negotiated the version
}

// Connect prepares a connection. endpoint and headers are the Docker CLI's, for the user's current
// context; agent is the user agent. Containers that are created are recorded in register.
func Connect(endpoint []client.Opt, agent string, headers map[string]string, register Register, keep Keep) *Connection {
	opts := append(slices.Clip(endpoint), client.WithUserAgent(agent))
	if len(headers) > 0 {
		opts = append(opts, client.WithHTTPHeaders(headers))
	}
	return &Connection{opts: opts, register: register, keep: keep}
}

// Client returns the client of earlier requests, or one that negotiates the API version first.
func (c *Connection) Client() (*client.Client, error) {
	if c.client == nil {
		withNegotiation, err := client.NewClientWithOpts(c.opts...)
		if err != nil {
			return nil, err
		}
		c.client = withNegotiation
	}
	return c.client, nil
}

// Negotiated returns a client for requests that may need more than minVersion of the API: it has negotiated the
// version, unless DOCKER_API_VERSION sets that. Later requests use it too. The engine's failure to answer is found
// by the first of these.
func (c *Connection) Negotiated(ctx context.Context) (*client.Client, error) {
	if c.pinned {
		c.client.Close() // only connections that are idle
		c.client, c.pinned = nil, false
	}
	to, err := c.Client()
	if err != nil {
		return nil, err
	}
	if !c.asked {
		to.NegotiateAPIVersion(ctx)
		c.asked = true
	}
	return to, nil
}

// Register returns the register of what this user's calls create on the engine.
func (c *Connection) Register() Register { return c.register }

// HelperIDs returns the IDs of the recorded helper containers of this user.
func (c *Connection) HelperIDs() map[string]bool { return c.register.HelperIDs() }

// Local reports whether the engine is reached through a socket of this machine.
func (c *Connection) Local() (bool, error) {
	to, err := c.Client()
	if err != nil {
		return false, err
	}
	return strings.HasPrefix(to.DaemonHost(), "unix://"), nil
}

// Endpoint returns the engine's address without its password.
func (c *Connection) Endpoint() string { return c.register.Endpoint }

// BySSH reports whether the engine is reached through ssh(1).
func (c *Connection) BySSH() bool { return c.register.BySSH() }

// Ended reports whether a helper has ended. An engine that does not answer before ctx's deadline
// counts as yes: it answers nothing about a container whose output is still being read.
func (c *Connection) Ended(ctx context.Context, h *Helper) bool {
	if h.exec != "" {
		return h.endedInKept(ctx, context.DeadlineExceeded)
	}
	found, err := c.ContainerInspect(ctx, h.id)
	if errors.Is(err, context.DeadlineExceeded) || errdefs.IsNotFound(err) {
		return true
	}
	return err == nil && found.ContainerJSONBase != nil && found.State != nil && !found.State.Running
}

// ContainerInspect uses minVersion of the API, which needs no negotiation: one round trip. If the
// engine no longer supports that version, or DOCKER_API_VERSION is set, the client
// negotiates. The client and its connection are kept for the next request. A name of slashes is refused: an engine would
// answer for all containers.
func (c *Connection) ContainerInspect(ctx context.Context, name string) (container.InspectResponse, error) {
	if strings.Trim(name, "/") == "" {
		return container.InspectResponse{}, errEmptyName
	}
	if c.client == nil && os.Getenv(client.EnvOverrideAPIVersion) == "" {
		first, err := client.NewClientWithOpts(append(slices.Clip(c.opts), client.WithVersion(minVersion))...)
		if err != nil {
			return container.InspectResponse{}, err
		}
		found, err := first.ContainerInspect(ctx, name)
		if !errdefs.IsInvalidArgument(err) {
			c.client, c.pinned = first, true
			return found, err
		}
	}
	to, err := c.Client()
	if err != nil {
		return container.InspectResponse{}, err
	}
	return to.ContainerInspect(ctx, name)
}

// NetworkInspect asks for a network, with the client of an earlier request if there is one.
func (c *Connection) NetworkInspect(ctx context.Context, name string, options networktypes.InspectOptions) (networktypes.Inspect, error) {
	to, err := c.Client()
	if err != nil {
		return networktypes.Inspect{}, err
	}
	return to.NetworkInspect(ctx, name, options)
}
