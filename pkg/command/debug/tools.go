package debug

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/nsjoin/docker-nsjoin/pkg/toolbox"
)

// listTools prints the tools, with the modules that they come from and the architectures that have them.
func listTools(to io.Writer) error {
	const gap = 3 // columns
	w := tabwriter.NewWriter(to, 0, 0, gap, ' ', 0)
	fmt.Fprintln(w, "TOOL\tMODULE\tVERSION\tARCHITECTURES")
	for _, t := range toolbox.Tools() {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", t.Name, t.Module, t.Version, strings.Join(t.Arches, " "))
	}
	return w.Flush()
}
