package dockercli

import (
	"os"

	"github.com/docker/cli/cli/flags"
	"github.com/spf13/cobra"
)

// NewRoot makes the docker command that a plugin runs below: it gets the CLI's global options too, in
// front of its own name. Add the plugin's command to it. version is that of the plugin.
func NewRoot(parent Parent, version string) (*cobra.Command, *CLI) {
	root := &cobra.Command{
		Use:               "docker [OPTIONS] nsjoin [ARG...]",
		Short:             "docker-nsjoin is a Docker CLI plugin",
		SilenceUsage:      true,
		SilenceErrors:     true,
		TraverseChildren:  true, // the global options are parsed first
		CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: true},
	}
	cli := &CLI{Parent: parent, version: version, options: flags.NewClientOptions()}
	cli.options.InstallFlags(root.Flags())
	cli.finish = func() { cli.options.SetDefaultOptions(root.Flags()) }
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return UsageError(err) })
	root.SetUsageFunc(printUsage)
	root.SetHelpFunc(func(cmd *cobra.Command, _ []string) {
		cmd.SetOut(os.Stdout)
		_ = printUsage(cmd)
	})
	root.PersistentFlags().BoolP("help", "h", false, "Print usage")
	_ = root.PersistentFlags().MarkShorthandDeprecated("help", "use --help")
	_ = root.PersistentFlags().MarkHidden("help")
	return root, cli
}
