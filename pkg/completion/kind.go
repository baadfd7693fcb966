package completion

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/nsjoin/docker-nsjoin/pkg/dockercli"
	"github.com/nsjoin/docker-nsjoin/pkg/ns"
)

// Source offers what a kind of namespace can be taken from, as request.ParseSource reads it.
func Source(cli *dockercli.CLI) cobra.CompletionFunc {
	return func(cmd *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
		offers := []string{"host", "private", "pid:", "ns:/"}
		for _, c := range Running(cmd.Context(), cli) {
			offers = append(offers, Described("container:"+c.Name, c))
		}
		return Matching(offers, typed)
	}
}

// Names offers whose names a command can see, as request.ParseNames reads it.
func Names(cli *dockercli.CLI) cobra.CompletionFunc {
	return func(cmd *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
		offers := []string{"host"}
		for _, c := range Running(cmd.Context(), cli) {
			offers = append(offers, Described("container:"+c.Name, c), Described("files:"+c.Name, c))
		}
		return Matching(offers, typed)
	}
}

// Kinds offers the kinds that a list does not have yet, after each comma.
func Kinds(_ *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
	list := typed[:strings.LastIndex(typed, ",")+1]
	var has ns.Set
	for name := range strings.SplitSeq(strings.TrimSuffix(list, ","), ",") {
		if k, err := ns.Parse(name); err == nil {
			has |= ns.SetOf(k)
		}
	}
	var offers []string
	for _, k := range ns.All().Without(has).Kinds() {
		offers = append(offers, list+k.String())
	}
	offers, _ = Matching(offers, typed)
	return offers, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace // a comma may follow
}
