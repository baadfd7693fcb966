package completion

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/nsjoin/docker-nsjoin/pkg/dockercli"
)

// Contexts offers the names of the contexts; of several, after each comma.
func Contexts(cli *dockercli.CLI, several bool) cobra.CompletionFunc {
	return func(_ *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
		before := ""
		if several {
			before = typed[:strings.LastIndexByte(typed, ',')+1]
		}
		names, _ := cli.Contexts()
		for i := range names {
			names[i] = before + names[i]
		}
		return Matching(names, typed)
	}
}

// Globals has the shell offer values of the options that nsjoin alone has from the Docker CLI.
func Globals(nsjoin *cobra.Command, cli *dockercli.CLI) {
	Flags(nsjoin, map[string]cobra.CompletionFunc{
		"log-level": OneOf("debug", "info", "warn", "error", "fatal"),
		"context":   Contexts(cli, false),
		"host":      Nothing,
	})
}
