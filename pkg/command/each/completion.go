package each

import (
	"os"
	"slices"

	"github.com/spf13/cobra"

	"github.com/nsjoin/docker-nsjoin/pkg/completion"
	"github.com/nsjoin/docker-nsjoin/pkg/dockercli"
	"github.com/nsjoin/docker-nsjoin/pkg/engine/selection"
	"github.com/nsjoin/docker-nsjoin/pkg/joinopts"
)

// complete registers what the shell offers.
func complete(cmd *cobra.Command, cli *dockercli.CLI) {
	joinopts.Complete(cmd, cli)
	containers := completion.Containers(cli)
	completion.Args(cmd, func(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
		if slices.Contains(os.Args[:len(os.Args)-1], "--") { // cobra does not know: it adds one itself
			return nil, cobra.ShellCompDirectiveDefault
		}
		offers, directive := containers(cmd, args, typed)
		services, _ := completion.Matching(labelled(cmd, cli, selection.Names), typed)
		return append(offers, services...), directive
	})
	completion.Flags(cmd, map[string]cobra.CompletionFunc{
		"filter":        completeFilter,
		"project":       of(cli, selection.Projects),
		"service":       of(cli, selection.Services),
		"context":       completion.Contexts(cli, true),
		"swarm-service": completion.Nothing, "node-context": completion.Nothing,
		"parallel": completion.Nothing, "timeout": completion.Nothing,
		"input-timeout": completion.Nothing, "retry": completion.Nothing,
	})
}

// labelled returns names that Compose wrote into the labels of running containers.
func labelled(cmd *cobra.Command, cli *dockercli.CLI, names func(selection.Containers) []string) []string {
	return names(completion.Running(cmd.Context(), cli))
}

func of(cli *dockercli.CLI, names func(selection.Containers) []string) cobra.CompletionFunc {
	return func(cmd *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
		return completion.Matching(labelled(cmd, cli, names), typed)
	}
}

// completeFilter offers the keys of filters of docker ps.
func completeFilter(_ *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
	var offers []string
	for _, key := range []string{
		"ancestor", "before", "expose", "health", "id", "is-task", "label", "name", "network", "publish", "since", "status", "volume",
	} {
		offers = append(offers, key+"=")
	}
	offers, _ = completion.Matching(offers, typed)
	return offers, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
}
