package dockercli

import (
	"context"
	"errors"
	"os"

	"github.com/docker/cli/cli/flags"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/nsjoin/docker-nsjoin/pkg/exit"
)

// New makes the CLI. version is that of the plugin, typed what the program was started with, without its
// own name.
func New(name exit.Name, parent *Parent, version string, typed []string) *CLI {
	cli := &CLI{Name: name, Parent: parent, version: version, options: flags.NewClientOptions()}
	cli.globals = pflag.NewFlagSet("docker", pflag.ContinueOnError)
	cli.options.InstallFlags(cli.globals)
	cli.finish = func() { cli.options.SetDefaultOptions(cli.globals) }
	cli.Words = cli.split(typed)
	return cli
}

// Root returns the root of the command line. For a plugin that is the docker command, which has nsjoin below
// it and takes the CLI's global options in front of that name. For a program of its own it is nsjoin, which
// has the global options among its own.
func (c *CLI) Root(nsjoin *cobra.Command) *cobra.Command {
	root := nsjoin
	if c.Name != exit.Standalone {
		root = &cobra.Command{
			Use:               "docker [OPTIONS] nsjoin [ARG...]",
			Short:             "docker-nsjoin is a Docker CLI plugin",
			CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: true},
		}
		root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return UsageError(err) })
		root.AddCommand(nsjoin)
	}
	root.SilenceUsage, root.SilenceErrors = true, true
	root.TraverseChildren = true // the global options are parsed first
	root.Flags().AddFlagSet(c.globals)
	if c.Name == exit.Standalone {
		c.makeStandalone(root)
	}
	root.SetUsageFunc(c.printUsage)
	root.SetHelpFunc(func(cmd *cobra.Command, _ []string) {
		cmd.SetOut(os.Stdout)
		_ = c.printUsage(cmd)
	})
	root.PersistentFlags().BoolP("help", "h", false, "Print usage")
	_ = root.PersistentFlags().MarkShorthandDeprecated("help", "use --help")
	_ = root.PersistentFlags().MarkHidden("help")
	return root
}

// Execute runs the command that the user typed.
func (c *CLI) Execute(ctx context.Context, root *cobra.Command) error {
	if c.Name == exit.Standalone && !c.Words.completes {
		// The global options are parsed first, as the Docker CLI does.
		if err := c.globals.Parse(c.Words.Global); err != nil {
			return UsageError(err)
		}
		root.SetArgs(append([]string{}, c.Words.Own...))
	}
	cmd, err := root.ExecuteContextC(ctx)
	if usage, is := errors.AsType[*usageError](err); is && cmd != root {
		return CommandUsageError(cmd, usage.err)
	}
	return err
}
