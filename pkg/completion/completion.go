// Package completion offers names to the shell: containers, kinds and sources of namespaces, users, and
// the values of flags that commands share. If the engine does not answer in time, it offers no
// containers.
package completion

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/nsjoin/docker-nsjoin/pkg/launch"
)

// Via offers the values of --via.
func Via(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
	return OneOf(string(launch.Auto), string(launch.Local), string(launch.Engine))(cmd, args, typed)
}

// OneOf offers some words.
func OneOf(words ...string) cobra.CompletionFunc {
	return func(_ *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
		return Matching(slices.Clone(words), typed)
	}
}

// Matching returns the offers that begin with what is typed. The shell adds a space after a single one,
// unless it ends in a colon.
func Matching(offers []string, typed string) ([]string, cobra.ShellCompDirective) {
	offers = slices.DeleteFunc(offers, func(offer string) bool { return !strings.HasPrefix(offer, typed) })
	if len(offers) == 1 && strings.HasSuffix(strings.TrimSuffix(offers[0], "/"), ":") {
		return offers, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
	}
	return offers, cobra.ShellCompDirectiveNoFileComp
}
