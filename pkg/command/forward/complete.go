package forward

import (
	"slices"

	"github.com/spf13/cobra"

	"github.com/nsjoin/docker-nsjoin/pkg/completion"
	"github.com/nsjoin/docker-nsjoin/pkg/dockercli"
	"github.com/nsjoin/docker-nsjoin/pkg/execopts"
	"github.com/nsjoin/docker-nsjoin/pkg/forward/ports"
	"github.com/nsjoin/docker-nsjoin/pkg/forward/spec"
)

// complete offers containers, and SPECs for what the last container listens on.
func complete(cli *dockercli.CLI) cobra.CompletionFunc {
	containers := execopts.WithServices(cli, completion.Containers(cli))
	return func(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
		offers, directive := containers(cmd, args, typed)
		if len(args) == 0 {
			return offers, directive
		}
		last := args[0]
		for _, word := range args[1:] {
			if !spec.IsSpec(word) {
				last = word
			}
		}
		var words []string
		for _, l := range ports.Listening(cmd.Context(), cli, spec.Container(last)) {
			if word := ports.Spec(&l); word != "" {
				words = append(words, ports.Offer(word, &l))
			}
		}
		words, _ = completion.Matching(slices.Compact(words), typed)
		return append(words, offers...), directive
	}
}
