// Package dockercli is the Docker CLI as its plugins see it: global options, configuration, context,
// endpoint, and the process that started the plugin. nsjoin, which the Docker CLI does not start, has the
// same, and takes the global options itself (standalone.go). The package replaces the Docker CLI's packages
// plugin and command, which start OpenTelemetry and gRPC and cost a millisecond twice in every call.
package dockercli

import (
	"errors"
	"fmt"
	"os"

	"github.com/docker/cli/cli-plugins/metadata"
	"github.com/docker/cli/cli-plugins/socket"
	"github.com/docker/cli/cli/config"
	"github.com/docker/cli/cli/config/configfile"
	"github.com/docker/cli/cli/flags"
	"github.com/sirupsen/logrus"
	"github.com/spf13/pflag"

	"github.com/nsjoin/docker-nsjoin/pkg/exit"
)

// CLI is the Docker CLI that started the plugin, or what replaces it in a program of its own. New makes
// it.
type CLI struct {
	Name   exit.Name // of the command that the user typed
	Parent *Parent
	Words  Words // what the user typed
	// Background says that package detach has started this process, for the call that the user typed.
	Background bool

	version string // of the plugin
	options *flags.ClientOptions
	globals *pflag.FlagSet // the flags of options
	finish  func()         // completes options once the flags have been parsed
	config  *configfile.ConfigFile
	host    string // the engine's address, once Engine has been called
}

// Config returns the Docker CLI's configuration file.
func (c *CLI) Config() (*configfile.ConfigFile, error) {
	if c.config != nil {
		return c.config, nil
	}
	c.finish()
	if level := c.options.LogLevel; level != "" {
		if _, err := logrus.ParseLevel(level); err != nil { // SetLogLevel would exit
			return nil, UsageError(fmt.Errorf("unable to parse logging level: %q", level))
		}
	}
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

// debugVariable is a variable that makes the plugin print debug messages, as docker --debug does.
const debugVariable = "DOCKER_NSJOIN_DEBUG"

// Debug prints text if the user asked for debug messages.
func (c *CLI) Debug(text string) {
	if c.options.Debug || os.Getenv(debugVariable) != "" {
		fmt.Fprintf(os.Stderr, "%s: %s\n", c.Name, text)
	}
}

// Variables returns the variables that the Docker CLI sets for its plugins, which mean nothing to a process that outlives
// the CLI.
func Variables() []string { return []string{socket.EnvKey, metadata.ReexecEnvvar} }
