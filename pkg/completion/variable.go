package completion

import (
	"os"
	"strings"

	"github.com/spf13/cobra"
)

// Variable offers the names of the caller's variables: a name alone passes its value on.
func Variable(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	var names []string
	for _, assignment := range os.Environ() {
		name, _, _ := strings.Cut(assignment, "=")
		names = append(names, name)
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}
