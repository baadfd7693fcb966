package dockercli

import (
	"errors"
	"os"
	"strings"

	"github.com/moby/term"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/nsjoin/docker-nsjoin/pkg/exit"
)

// UsageError returns an error in the command line, with a hint about the help.
func UsageError(err error) error {
	return &usageError{errors.New(strings.TrimSpace(err.Error()))}
}

// usageError is an error in a command line. Execute knows the command.
type usageError struct{ err error }

func (e *usageError) Error() string { return e.err.Error() }

// Unwrap returns the error with a hint about the help of docker nsjoin.
func (e *usageError) Unwrap() error {
	return exit.Hint(e.err, "docker nsjoin --help shows the options")
}

// CommandUsageError returns an error in the command line of cmd, with a hint about its help.
func CommandUsageError(cmd *cobra.Command, err error) error {
	return exit.Hint(err, "%s --help shows the options", cmd.CommandPath())
}

// printUsage prints a command's help in the form of the Docker CLI's.
func (c *CLI) printUsage(cmd *cobra.Command) error {
	lines := []string{cmd.UseLine()}
	for _, sub := range cmd.Commands() {
		if !sub.Hidden {
			lines = append(lines, sub.UseLine())
		}
	}
	parts := []string{"Usage:  " + strings.Join(lines, "\n        ")}
	switch {
	case cmd.Long != "":
		parts = append(parts, c.Name.In(cmd.Long))
	case cmd.Short != "":
		parts = append(parts, cmd.Short)
	}
	if cmd.HasExample() {
		parts = append(parts, "Examples:\n"+c.Name.In(cmd.Example))
	}
	if cmd.HasAvailableFlags() {
		width := 80
		if size, err := term.GetWinsize(os.Stdout.Fd()); err == nil && size.Width > 0 {
			width = int(size.Width)
		}
		own, global := c.divide(cmd)
		parts = append(parts, "Options:\n"+strings.TrimRight(own.FlagUsagesWrapped(width-1), "\n"))
		if global != nil {
			parts = append(parts, "Global Options:\n"+strings.TrimRight(global.FlagUsagesWrapped(width-1), "\n"))
		}
	}
	cmd.Println(strings.Join(parts, "\n\n"))
	return nil
}

// divide returns a command's own flags, and the Docker CLI's if nsjoin has them among its own.
func (c *CLI) divide(cmd *cobra.Command) (own, global *pflag.FlagSet) {
	all := cmd.LocalFlags()
	if c.Name != exit.Standalone || cmd.HasParent() {
		return all, nil
	}
	own = pflag.NewFlagSet(cmd.Name(), pflag.ContinueOnError)
	all.VisitAll(func(f *pflag.Flag) {
		if c.globals.Lookup(f.Name) == nil {
			own.AddFlag(f)
		}
	})
	return own, c.globals
}
