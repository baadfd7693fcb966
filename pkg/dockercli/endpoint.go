package dockercli

import (
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/docker/cli/cli/config"
	dcontext "github.com/docker/cli/cli/context"
	dendpoint "github.com/docker/cli/cli/context/docker"
	"github.com/docker/cli/cli/context/store"
	dockeropts "github.com/docker/cli/opts"

	"github.com/nsjoin/docker-nsjoin/pkg/exit"
	"github.com/nsjoin/docker-nsjoin/pkg/state"
)

// The Docker CLI's names, from its package command.
const (
	defaultContext  = "default"
	hostVariable    = "DOCKER_HOST"
	contextVariable = "DOCKER_CONTEXT"
)

// Context returns the name of the context in use. It may not exist.
func (c *CLI) Context() (string, error) {
	configured, err := c.Config()
	switch {
	case err != nil:
		return "", err
	case c.options.Context != "":
		return c.options.Context, nil
	case len(c.options.Hosts) > 0 || os.Getenv(hostVariable) != "":
		return defaultContext, nil
	case os.Getenv(contextVariable) != "":
		return os.Getenv(contextVariable), nil
	case configured.CurrentContext != "":
		return configured.CurrentContext, nil
	}
	return defaultContext, nil
}

// HostGiven reports whether the user gave the engine's address as an option.
func (c *CLI) HostGiven() bool { return len(c.options.Hosts) > 0 }

// In returns the same CLI with another context.
func (c *CLI) In(context string) (*CLI, error) {
	if _, err := c.Config(); err != nil {
		return nil, err
	}
	other, options := *c, *c.options
	options.Context = context
	if len(options.Hosts) > 0 { // the other options are about that engine
		options.Hosts, options.TLSOptions = nil, nil
	}
	other.options, other.host = &options, ""
	return &other, nil
}

// At returns the same CLI with the engine at an address, without TLS.
func (c *CLI) At(address string) (*CLI, error) {
	if _, err := c.Config(); err != nil {
		return nil, err
	}
	other, options := *c, *c.options
	options.Context, options.Hosts, options.TLSOptions = "", []string{address}, nil
	other.options, other.host = &options, ""
	return &other, nil
}

// State returns the user's state directory.
func (c *CLI) State() state.Dir {
	dir, err := filepath.Abs(config.Dir()) // a call in the background leaves the working directory
	if err != nil {
		dir = config.Dir()
	}
	return state.Dir{Config: dir}
}

// Contexts returns the names of all contexts, the default one first.
func (c *CLI) Contexts() ([]string, error) {
	if _, err := c.Config(); err != nil {
		return nil, err
	}
	names := []string{defaultContext}
	list, err := contexts().List()
	for _, meta := range list {
		names = append(names, meta.Name)
	}
	return names, err
}

// endpoint returns where the engine of the context listens.
func (c *CLI) endpoint() (dendpoint.Endpoint, error) {
	name, err := c.Context()
	if err != nil {
		return dendpoint.Endpoint{}, err
	}
	if name == defaultContext {
		return c.defaultEndpoint()
	}
	contexts := contexts()
	meta, err := contexts.GetMetadata(name)
	if err != nil {
		return dendpoint.Endpoint{}, exit.Hint(err, "docker context ls lists the contexts")
	}
	endpoint, err := dendpoint.EndpointFromContext(meta)
	if err != nil {
		return dendpoint.Endpoint{}, fmt.Errorf("context %q: %w", name, err)
	}
	return dendpoint.WithTLSData(contexts, name, endpoint)
}

// contexts returns the store of the configured contexts.
func contexts() *store.ContextStore {
	return store.New(config.ContextStoreDir(), store.NewConfig(func() any { return &map[string]any{} },
		store.EndpointTypeGetter(dendpoint.DockerEndpoint, func() any { return &dendpoint.EndpointMeta{} })))
}

// defaultEndpoint returns the endpoint of -H or DOCKER_HOST, or else the platform's default.
func (c *CLI) defaultEndpoint() (dendpoint.Endpoint, error) {
	host := os.Getenv(hostVariable)
	if len(c.options.Hosts) > 0 {
		host = c.options.Hosts[0]
	}
	tls := c.options.TLSOptions
	host, err := dockeropts.ParseHost(tls != nil, host)
	if err != nil {
		return dendpoint.Endpoint{}, err
	}
	endpoint := dendpoint.Endpoint{EndpointMeta: dendpoint.EndpointMeta{Host: host}}
	if tls != nil {
		endpoint.SkipTLSVerify = tls.InsecureSkipVerify
		endpoint.TLSData, err = dcontext.TLSDataFromFiles(tls.CAFile, tls.CertFile, tls.KeyFile)
	}
	return endpoint, err
}

// Address returns the engine's address without its password, once Engine has been called.
func (c *CLI) Address() string { return withoutPassword(c.host) }

// Socket returns the path of the engine's socket, if it listens on one of this machine, once Engine has been
// called.
func (c *CLI) Socket() (path string, ok bool) { return strings.CutPrefix(c.host, "unix://") }

func withoutPassword(address string) string {
	at, err := url.Parse(address)
	if err != nil {
		return "" // a password may be anywhere in it
	}
	return at.Redacted()
}
