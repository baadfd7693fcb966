package execopts

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/nsjoin/docker-nsjoin/pkg/completion"
	"github.com/nsjoin/docker-nsjoin/pkg/dockercli"
	"github.com/nsjoin/docker-nsjoin/pkg/engine/selection"
)

// WithServices completes as f does, and offers SERVICE@PROJECT once an @ is typed: before, that would hide the
// containers' names.
func WithServices(cli *dockercli.CLI, f cobra.CompletionFunc) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
		offers, directive := f(cmd, args, typed)
		if strings.Contains(typed, "@") {
			services, _ := completion.Matching(selection.Names(completion.Running(cmd.Context(), cli)), typed)
			offers = append(services, offers...)
		}
		return offers, directive
	}
}
