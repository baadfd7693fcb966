package dockercli

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/nsjoin/docker-nsjoin/pkg/exit"
)

// nameTimeout is how long the engine may take to say whether it has a container with the name of a command. One that is
// slower is mostly one that hangs, and keeps the command waiting anyway.
const nameTimeout = 2 * time.Second

// WarnOfName has a subcommand print a warning if the engine has a container with the subcommand's name, which it hides.
// An engine on this machine is asked before the subcommand runs. Another one is asked only if the subcommand has
// failed: it takes a round trip, by ssh another connection.
func (c *CLI) WarnOfName(cmd *cobra.Command) {
	run := cmd.RunE
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		f := cmd.Flags().Lookup("no-engine")
		if f != nil && f.Changed || c.Name != exit.Plugin && c.Name != exit.Standalone {
			return run(cmd, args)
		}
		local := c.isLocal()
		if local {
			c.warnOfName(cmd.Context(), cmd.Name())
		}
		err := run(cmd, args)
		if !local && exit.Status(err) == exit.Failed {
			c.warnOfName(cmd.Context(), cmd.Name())
		}
		return err
	}
}

func (c *CLI) isLocal() bool {
	connection, err := c.Engine()
	if err != nil {
		return false
	}
	local, err := connection.Local()
	return err == nil && local
}

// warnOfName prints the warning. Errors are those of the subcommand's own requests.
func (c *CLI) warnOfName(ctx context.Context, name string) {
	connection, err := c.Engine()
	if err != nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, nameTimeout)
	defer cancel()
	if found, err := connection.ContainerInspect(ctx, name); err != nil || found.ContainerJSONBase == nil || found.Name != "/"+name {
		return
	}
	c.Name.Warn(os.Stderr, fmt.Sprintf("a container is named %[1]s, like this command: %[2]s container:%[1]s reaches it", name, c.Name))
}
