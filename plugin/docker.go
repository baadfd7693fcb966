package main

import (
	"encoding/csv"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"

	"github.com/docker/cli/cli/config"
	"github.com/docker/cli/cli/config/configfile"
	"github.com/docker/cli/cli/connhelper"
	dcontext "github.com/docker/cli/cli/context"
	dendpoint "github.com/docker/cli/cli/context/docker"
	"github.com/docker/cli/cli/context/store"
	"github.com/docker/cli/cli/flags"
	dockeropts "github.com/docker/cli/opts"

	"github.com/nsjoin/docker-nsjoin/pkg/engine"
	"github.com/nsjoin/docker-nsjoin/pkg/state"
)

// dockerCLI is the Docker CLI as its plugins see it: the global options, the
// configuration, the context and the engine that they name. The CLI's own
// package command does this too, and brings OpenTelemetry, gRPC and a millisecond
// of start-up with it, which every call would pay twice.
type dockerCLI struct {
	options *flags.ClientOptions
	finish  func() // completes options once the flags were read
	config  *configfile.ConfigFile
	parent  parent
	// endpoint is the engine's address, once Engine was called.
	endpoint string
}

// The Docker CLI's names, of its package command.
const (
	defaultContext  = "default"
	hostVariable    = "DOCKER_HOST"
	contextVariable = "DOCKER_CONTEXT"
	headersVariable = "DOCKER_CUSTOM_HEADERS"
)

// Config is the Docker CLI's configuration file.
func (c *dockerCLI) Config() (*configfile.ConfigFile, error) {
	if c.config != nil {
		return c.config, nil
	}
	c.finish()
	flags.SetLogLevel(c.options.LogLevel)
	if c.options.ConfigDir != "" {
		config.SetDir(c.options.ConfigDir)
	}
	if c.options.Context != "" && len(c.options.Hosts) > 0 {
		return nil, errors.New("conflicting options: cannot specify both --host and --context")
	}
	var err error
	c.config, err = config.Load(config.Dir())
	return c.config, err
}

// Context is the name of the context in use. It may not exist.
func (c *dockerCLI) Context() (string, error) {
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

// Endpoint is where the engine of the context listens.
func (c *dockerCLI) Endpoint() (dendpoint.Endpoint, error) {
	name, err := c.Context()
	if err != nil {
		return dendpoint.Endpoint{}, err
	}
	if name == defaultContext {
		return c.defaultEndpoint()
	}
	contexts := store.New(config.ContextStoreDir(), store.NewConfig(func() any { return &map[string]any{} },
		store.EndpointTypeGetter(dendpoint.DockerEndpoint, func() any { return &dendpoint.EndpointMeta{} })))
	meta, err := contexts.GetMetadata(name)
	if err != nil {
		return dendpoint.Endpoint{}, err
	}
	endpoint, err := dendpoint.EndpointFromContext(meta)
	if err != nil {
		return dendpoint.Endpoint{}, fmt.Errorf("context %q: %w", name, err)
	}
	return dendpoint.WithTLSData(contexts, name, endpoint)
}

// defaultEndpoint is that of -H, DOCKER_HOST or else the platform's own.
func (c *dockerCLI) defaultEndpoint() (dendpoint.Endpoint, error) {
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

// Engine is the engine of that endpoint.
func (c *dockerCLI) Engine() (*engine.Connection, error) {
	endpoint, err := c.Endpoint()
	if err != nil {
		return nil, fmt.Errorf("unable to resolve docker endpoint: %w", err)
	}
	c.endpoint = endpoint.Host
	opts, err := endpoint.ClientOpts()
	if err != nil {
		return nil, err
	}
	if helper, err := connhelper.GetConnectionHelper(endpoint.Host); err == nil && helper != nil {
		opts = append(opts, engine.WithRedial(helper.Dialer, droppedBySSH))
	}
	headers, err := c.headers()
	if err != nil {
		return nil, err
	}
	name, err := c.Context()
	if err != nil {
		return nil, err
	}
	register := engine.Register{
		State: &state.Dir{Config: config.Dir()}, Endpoint: withoutPassword(endpoint.Host), Context: name, Debug: c.debug,
	}
	return engine.Connect(opts, "docker-nsjoin/"+version, headers, register), nil
}

// droppedBySSH tells whether ssh(1) ended because the server hung up before a word was said. It has
// the same exit status for all its failures, so only its own message tells, which no locale changes.
func droppedBySSH(err error) bool {
	return strings.Contains(err.Error(), "kex_exchange_identification: ") || strings.Contains(err.Error(), "ssh_exchange_identification: ")
}

// debugVariable makes the plugin say what it chose, as docker --debug does.
const debugVariable = "DOCKER_NSJOIN_DEBUG"

// debug says what is only said if the user asks for it.
func (c *dockerCLI) debug(text string) {
	if c.options.Debug || os.Getenv(debugVariable) != "" {
		fmt.Fprintf(os.Stderr, "docker nsjoin: %s\n", text)
	}
}

// headers are what the configuration or DOCKER_CUSTOM_HEADERS adds to every
// request: comma-separated assignments, in quotation marks where they have a comma.
func (c *dockerCLI) headers() (map[string]string, error) {
	value := os.Getenv(headersVariable)
	if value == "" {
		return c.config.HTTPHeaders, nil
	}
	fields, err := csv.NewReader(strings.NewReader(value)).Read()
	if err != nil {
		return nil, fmt.Errorf("%s: comma-separated key=value pairs: %w", headersVariable, err)
	}
	headers := make(map[string]string)
	for _, field := range fields {
		key, value, ok := strings.Cut(field, "=")
		if key = strings.TrimSpace(key); !ok || key == "" {
			return nil, fmt.Errorf("%s: %q is no key=value pair", headersVariable, field)
		}
		headers[http.CanonicalHeaderKey(key)] = value
	}
	return headers, nil
}
