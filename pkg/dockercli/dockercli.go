// Package dockercli is the Docker CLI as its plugins see it: global options, configuration, context,
// endpoint, and the process that started the plugin. It replaces the Docker CLI's packages plugin and
// command, which start OpenTelemetry and gRPC and cost a millisecond twice in every call.
package dockercli

import (
	"errors"
	"fmt"
	"os"

	"github.com/docker/cli/cli/config"
	"github.com/docker/cli/cli/config/configfile"
	"github.com/docker/cli/cli/flags"
)

// CLI is the Docker CLI that started the plugin. NewRoot makes it.
type CLI struct {
	Parent Parent

	version string // of the plugin
	options *flags.ClientOptions
	finish  func() // completes options once the flags were parsed
	config  *configfile.ConfigFile
	host    string // the engine's address, once Engine was called
}

// Config returns the Docker CLI's configuration file.
func (c *CLI) Config() (*configfile.ConfigFile, error) {
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

// debugVariable makes the plugin print what it chose, as docker --debug does.
const debugVariable = "DOCKER_NSJOIN_DEBUG"

// Debug prints text if the user asked for such messages.
func (c *CLI) Debug(text string) {
	if c.options.Debug || os.Getenv(debugVariable) != "" {
		fmt.Fprintf(os.Stderr, "docker nsjoin: %s\n", text)
	}
}
