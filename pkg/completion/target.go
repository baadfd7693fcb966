package completion

import (
	"context"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/nsjoin/docker-nsjoin/pkg/dockercli"
	"github.com/nsjoin/docker-nsjoin/pkg/engine"
)

// Targets offers all containers, running or not, and the images that have a name. If container: or image: was typed,
// it offers those only.
func Targets(cli *dockercli.CLI) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		ctx, cancel := context.WithTimeout(cmd.Context(), containersTimeout)
		defer cancel()
		connection, err := cli.Engine()
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		client, err := connection.Client()
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return Matching(targets(ctx, connection, client, typed), typed)
	}
}

// targets returns the offers of Targets.
func targets(ctx context.Context, connection *engine.Connection, client targetLister, typed string) []string {
	var offers []string
	prefix, _, _ := strings.Cut(typed, ":")
	container, image := "", ""
	if prefix == "container" {
		container = "container:"
	}
	if prefix == "image" {
		image = "image:"
	}
	if image == "" {
		all, _ := engine.ListAll(ctx, client, connection.HelperIDs)
		for _, c := range all {
			offers = append(offers, Described(container+c.Name, c))
		}
	}
	if container == "" {
		names, _ := engine.ImageNames(ctx, client)
		for _, name := range names {
			if !slices.Contains(offers, name) {
				offers = append(offers, image+name)
			}
		}
	}
	return offers
}

// targetLister is the part of the engine's client that lists containers and images.
type targetLister interface {
	engine.Lister
	engine.ImageLister
}

// Images offers some words and the images that have a name.
func Images(cli *dockercli.CLI, words ...string) cobra.CompletionFunc {
	return func(cmd *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
		ctx, cancel := context.WithTimeout(cmd.Context(), containersTimeout)
		defer cancel()
		offers := slices.Clone(words)
		if connection, err := cli.Engine(); err == nil {
			if client, err := connection.Client(); err == nil {
				names, _ := engine.ImageNames(ctx, client)
				offers = append(offers, names...)
			}
		}
		return Matching(offers, typed)
	}
}
