package dockercli

import (
	"github.com/spf13/cobra"

	"github.com/nsjoin/docker-nsjoin/pkg/argv0"
	"github.com/nsjoin/docker-nsjoin/pkg/exit"
)

// CalledAs returns the name that the program was started by: nsjoin for a file of that name, which is a
// link to the plugin, and docker nsjoin for any other. nsjoin has no Docker CLI above it, like a standalone
// docker-compose: no socket or process reports the CLI's end, and all signals arrive directly.
func CalledAs(args []string) exit.Name {
	if len(args) == 0 {
		return exit.Plugin
	}
	if argv0.Base(args[0]) == string(exit.Standalone) {
		return exit.Standalone
	}
	return exit.Plugin
}

// makeStandalone makes nsjoin what docker is for a plugin. The global options may be anywhere before the
// container: none has the name of one of nsjoin's own options, which a test checks.
func (c *CLI) makeStandalone(nsjoin *cobra.Command) {
	nsjoin.CompletionOptions.DisableDefaultCmd = true
	nsjoin.SetHelpCommand(&cobra.Command{Use: "no-help", Hidden: true}) // help may be a container
}
