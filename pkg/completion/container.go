package completion

import (
	"context"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/nsjoin/docker-nsjoin/pkg/dockercli"
	"github.com/nsjoin/docker-nsjoin/pkg/engine"
)

// containersTimeout is how long the shell waits for an engine, which may be far away.
const containersTimeout = 2 * time.Second

// Containers offers running containers, each once.
func Containers(cli *dockercli.CLI) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
		var offers []string
		for _, c := range Running(cmd.Context(), cli) {
			if !slices.Contains(args, c.Name) {
				offers = append(offers, Described(c.Name, c))
			}
		}
		return Matching(offers, typed)
	}
}

// Running returns the containers that a command can be run in, or none if the engine does not answer.
func Running(ctx context.Context, cli *dockercli.CLI) []engine.Container {
	ctx, cancel := context.WithTimeout(ctx, containersTimeout)
	defer cancel()
	all, _, err := list(ctx, cli)
	if err != nil {
		return nil
	}
	return slices.DeleteFunc(all, func(c engine.Container) bool { return !c.Running() })
}

// list returns the containers that have processes, and the client that was asked.
func list(ctx context.Context, cli *dockercli.CLI) ([]engine.Container, engine.Inspector, error) {
	connection, err := cli.Engine()
	if err != nil {
		return nil, nil, err
	}
	client, err := connection.Client()
	if err != nil {
		return nil, nil, err
	}
	all, err := engine.List(ctx, client, connection.HelperIDs)
	return all, client, err
}

// Described returns an offer with the container's image as its description.
func Described(offer string, c engine.Container) string {
	return cobra.CompletionWithDesc(offer, c.ShortImage())
}
