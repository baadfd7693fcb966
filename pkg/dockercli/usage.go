package dockercli

import (
	"errors"
	"os"
	"strings"

	"github.com/moby/term"
	"github.com/spf13/cobra"

	"github.com/nsjoin/docker-nsjoin/pkg/exit"
)

// UsageError is an error in the command line, with a hint about the help.
func UsageError(err error) error {
	return exit.Hint(errors.New(strings.TrimSpace(err.Error())), "docker nsjoin --help shows the options")
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
