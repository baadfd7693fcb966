package each

import (
	"slices"
	"strings"

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
	cmd.ValidArgsFunction = func(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
		if slices.Contains(args, "--") || cmd.ArgsLenAtDash() == 0 {
			return nil, cobra.ShellCompDirectiveDefault
		}
		offers, directive := containers(cmd, args, typed)
		services, _ := completion.Matching(labelled(cmd, cli, selection.Names), typed)
		return append(offers, services...), directive
	}
	for name, f := range map[string]cobra.CompletionFunc{
		"filter":  completeFilter,
		"project": of(cli, selection.Projects),
		"service": of(cli, selection.Services),
		"context": func(_ *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
			before := typed[:strings.LastIndexByte(typed, ',')+1]
			names, _ := cli.Contexts()
			for i := range names {
				names[i] = before + names[i]
			}
			return completion.Matching(names, typed)
		},
		"swarm-service": cobra.NoFileCompletions, "node-context": cobra.NoFileCompletions,
		"parallel": cobra.NoFileCompletions, "timeout": cobra.NoFileCompletions,
		"input-timeout": cobra.NoFileCompletions, "retry": cobra.NoFileCompletions,
	} {
		_ = cmd.RegisterFlagCompletionFunc(name, f)
	}
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
