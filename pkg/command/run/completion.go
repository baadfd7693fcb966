package run

import (
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/nsjoin/docker-nsjoin/pkg/completion"
	"github.com/nsjoin/docker-nsjoin/pkg/dockercli"
	"github.com/nsjoin/docker-nsjoin/pkg/engine/selection"
	"github.com/nsjoin/docker-nsjoin/pkg/joinopts"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

// complete registers what the shell offers for the base and for the flags' values.
func complete(cmd *cobra.Command, cli *dockercli.CLI, subcommands func() []*cobra.Command) {
	completion.Args(cmd, completeBase(cli, subcommands))
	joinopts.Complete(cmd, cli)
}

// completeBase offers running containers, the host, processes and subcommands. A container whose name
// would be read as something else is offered as container:NAME. What follows the base is the command,
// which may be a file of the host's.
func completeBase(cli *dockercli.CLI, subcommands func() []*cobra.Command) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
		switch {
		case afterDash(args) || len(args) > 0 && args[0] == request.Host().String():
			return nil, cobra.ShellCompDirectiveDefault
		case len(args) > 0:
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		offers := []string{"host", "pid:"}
		subs := subcommands()
		if cmd.Flags().NFlag() == 0 {
			for _, sub := range subs {
				offers = append(offers, cobra.CompletionWithDesc(sub.Name(), sub.Short))
			}
		}
		running := completion.Running(cmd.Context(), cli)
		if strings.Contains(typed, "@") { // else they would hide the containers' names
			offers = append(offers, selection.Names(running)...)
		}
		for _, c := range running {
			name := c.Name
			isCommand := slices.ContainsFunc(subs, func(sub *cobra.Command) bool { return sub.Name() == name })
			if base, err := request.ParseBase(name); err != nil || base.Name != name || isCommand ||
				strings.HasPrefix(typed, "container:") {
				name = "container:" + name
			}
			offers = append(offers, completion.Described(name, c))
		}
		return completion.Matching(offers, typed)
	}
}

// afterDash reports whether a "--" stands before args, so that there is no base. cobra does not know: it
// adds one itself.
func afterDash(args []string) bool {
	i := len(os.Args) - 1 - len(args) - 1 // the last one is what is typed
	return i >= 0 && os.Args[i] == "--"
}
