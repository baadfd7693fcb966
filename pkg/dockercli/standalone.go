package dockercli

import (
	"slices"
	"strings"

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
	levels := []string{"debug", "info", "warn", "error", "fatal"}
	_ = nsjoin.RegisterFlagCompletionFunc("log-level", cobra.FixedCompletions(levels, cobra.ShellCompDirectiveNoFileComp))
	_ = nsjoin.RegisterFlagCompletionFunc("context", c.completeContext)
	_ = nsjoin.RegisterFlagCompletionFunc("host", cobra.NoFileCompletions)
}

// completeContext offers the names of the contexts.
func (c *CLI) completeContext(_ *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
	names := []string{defaultContext}
	if _, err := c.Config(); err == nil { // which sets the directory
		all, _ := contexts().List()
		for _, context := range all {
			names = append(names, context.Name)
		}
	}
	names = slices.DeleteFunc(names, func(name string) bool { return !strings.HasPrefix(name, typed) })
	return names, cobra.ShellCompDirectiveNoFileComp
}
