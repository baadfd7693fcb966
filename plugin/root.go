package main

import (
	"os"
	"strings"

	"github.com/docker/cli/cli/flags"
	"github.com/moby/term"
	"github.com/spf13/cobra"
)

// newRoot is the docker command as its plugins have to play it: they get the
// global options as well, in front of their own name.
func newRoot(parent parent) *cobra.Command {
	root := &cobra.Command{
		Use:               "docker [OPTIONS] nsjoin [ARG...]",
		Short:             "docker-nsjoin is a Docker CLI plugin",
		SilenceUsage:      true,
		SilenceErrors:     true,
		TraverseChildren:  true, // the global options are read first
		CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: true},
	}
	cli := &dockerCLI{parent: parent, options: flags.NewClientOptions()}
	cli.options.InstallFlags(root.Flags())
	cli.finish = func() { cli.options.SetDefaultOptions(root.Flags()) }
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usage(err) })
	root.SetUsageFunc(printUsage)
	root.SetHelpFunc(func(cmd *cobra.Command, _ []string) {
		cmd.SetOut(os.Stdout)
		_ = printUsage(cmd)
	})
	root.PersistentFlags().BoolP("help", "h", false, "Print usage")
	_ = root.PersistentFlags().MarkShorthandDeprecated("help", "please use --help")
	_ = root.PersistentFlags().MarkHidden("help")
	root.AddCommand(newCommand(cli))
	return root
}

// printUsage prints a command's help in the form of the Docker CLI's.
func printUsage(cmd *cobra.Command) error {
	lines := []string{cmd.UseLine()}
	for _, sub := range cmd.Commands() {
		lines = append(lines, sub.UseLine())
	}
	parts := []string{"Usage:  " + strings.Join(lines, "\n        ")}
	switch {
	case cmd.Long != "":
		parts = append(parts, cmd.Long)
	case cmd.Short != "":
		parts = append(parts, cmd.Short)
	}
	if cmd.HasExample() {
		parts = append(parts, "Examples:\n"+cmd.Example)
	}
	if cmd.HasAvailableFlags() {
		width := 80
		if size, err := term.GetWinsize(os.Stdout.Fd()); err == nil && size.Width > 0 {
			width = int(size.Width)
		}
		parts = append(parts, "Options:\n"+strings.TrimRight(cmd.LocalFlags().FlagUsagesWrapped(width-1), "\n"))
	}
	cmd.Println(strings.Join(parts, "\n\n"))
	return nil
}
