package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	networktypes "github.com/docker/docker/api/types/network"
	"github.com/docker/docker/client"
)

// minVersion is the oldest supported version of the API, that of Engine 20.10.
const minVersion = "1.41"

// Connection is the way to an engine. Nothing is sent before the first request. Requests may be sent at
// the same time.
type Connection struct {
	// Sending is called when a program is sent to the engine, with what is sent and how far that is, or while another call
	// sends it, when far is nil; and its result when that is over. It may be nil.
	Sending func(what string, far func() string) (end func())

	opts     []client.Opt
	register Register
	keep     Keep
	chosen   *chosen
}

// chosen is the client of earlier requests. Connections that are copies of each other share it.
type chosen struct {
	mu     sync.Mutex     // not held while the engine is asked
	client *client.Client // nil before the first request
	pinned bool           // client speaks minVersion
	asked  bool           // client has negotiated the version
}

// Connect prepares a connection. endpoint and headers are the Docker CLI's, for the user's current
// context; agent is the user agent. Containers that are created are recorded in register.
func Connect(endpoint []client.Opt, agent string, headers map[string]string, register Register, keep Keep) *Connection {
	opts := append(slices.Clip(endpoint), client.WithUserAgent(agent))
	if len(headers) > 0 {
		opts = append(opts, client.WithHTTPHeaders(headers))
	}
	return &Connection{opts: opts, register: register, keep: keep, chosen: &chosen{}}
}

// Client returns the client of earlier requests, or one that negotiates the API version first.
func (c *Connection) Client() (*client.Client, error) {
	c.chosen.mu.Lock()
	defer c.chosen.mu.Unlock()
	return c.chosen.orNew(c.opts)
}

// orNew returns the client, and makes one that negotiates if there is none. The caller holds mu.
func (c *chosen) orNew(opts []client.Opt) (*client.Client, error) {
	if c.client == nil {
		withNegotiation, err := newClient(opts)
		if err != nil {
			return nil, err
		}
		c.client = withNegotiation
	}
	return c.client, nil
}

// newClient makes a client whose answers have a limit.
func newClient(opts []client.Opt) (*client.Client, error) {
	var own *http.Client
	made, err := client.NewClientWithOpts(append(slices.Clip(opts), func(c *client.Client) error {
		own = c.HTTPClient() // a copy, which becomes the client's, so that what the client does with its transport stays
		return client.WithHTTPClient(own)(c)
	})...)
	if err == nil {
		own.Transport = limitedAnswers{own.Transport}
	}
	return made, err
}

// maxAnswer is how long an answer may be that the client reads as a whole, in bytes. 1000 containers take 3 MB.
const maxAnswer = 64 << 20

var errLongAnswer = fmt.Errorf("the engine's answer is longer than %d MiB", maxAnswer>>20)

// limitedAnswers has answers fail that are longer than maxAnswer: one engine of several must not use up the memory.
type limitedAnswers struct{ http.RoundTripper }

func (l limitedAnswers) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := l.RoundTripper.RoundTrip(r)
	if err == nil && !strings.HasSuffix(r.URL.Path, "/events") && !strings.HasSuffix(r.URL.Path, "/archive") { // these are read as they come
		answer.Body = &limitedBody{answer.Body, maxAnswer}
	}
	return answer, err
}

type limitedBody struct {
	io.ReadCloser
	left int
}

func (b *limitedBody) Read(to []byte) (int, error) {
	if b.left <= 0 {
		return 0, errLongAnswer
	}
	n, err := b.ReadCloser.Read(to[:min(len(to), b.left)])
	b.left -= n
	return n, err
}

// Negotiated returns a client for requests that may need more than minVersion of the API: it has negotiated the
// version, unless DOCKER_API_VERSION sets that. Later requests use it too. The engine's failure to answer is found
// by the first of these.
func (c *Connection) Negotiated(ctx context.Context) (*client.Client, error) {
	to, asked, err := c.chosen.unpinned(c.opts)
	if err == nil && !asked {
		to.NegotiateAPIVersion(ctx)
		c.chosen.setAsked()
	}
	return to, err
}

// unpinned returns a client that does not just speak minVersion, and whether it has negotiated.
func (c *chosen) unpinned(opts []client.Opt) (to *client.Client, asked bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.pinned {
		c.client.Close() // only connections that are idle
		c.client, c.pinned = nil, false
	}
	to, err = c.orNew(opts)
	return to, c.asked, err
}

func (c *chosen) setAsked() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.asked = true
}

// isFirst reports whether there is no client yet.
func (c *chosen) isFirst() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.client == nil
}

// pin keeps a client that speaks minVersion for later requests, unless there is one meanwhile.
func (c *chosen) pin(first *client.Client) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.client != nil {
		first.Close() // only connections that are idle
		return
	}
	c.client, c.pinned = first, true
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
	if c.chosen.isFirst() && os.Getenv(client.EnvOverrideAPIVersion) == "" {
		first, err := newClient(append(slices.Clip(c.opts), client.WithVersion(minVersion)))
		if err != nil {
			return container.InspectResponse{}, err
		}
		found, err := first.ContainerInspect(ctx, name)
		if !errdefs.IsInvalidArgument(err) {
			c.chosen.pin(first)
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
