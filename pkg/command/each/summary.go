package each

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/nsjoin/docker-nsjoin/pkg/exit"
	"github.com/nsjoin/docker-nsjoin/pkg/printable"
)

// maxNamed is how many containers a line of the summary names.
const maxNamed = 20

// summary prints which commands have failed and why, and returns the exit status as an error.
func (c *call) summary(results []result) error {
	status, failed, missed := c.stops.status(), 0, 0
	var reasons []string
	names := make(map[string][]string)
	for _, r := range results {
		if !c.counts(r) {
			continue
		}
		failed++
		if status < exit.Signalled(0) || c.stops.status() == 0 {
			status = max(status, r.status)
		}
		why := r.why
		switch {
		case r.notRun:
			missed++
			why = "not run"
		case why == "":
			why = fmt.Sprintf("exit status %d", r.status)
		case r.stopped && r.status == 0:
			status = max(status, exit.Failed)
		}
		if names[why] == nil {
			reasons = append(reasons, why)
		}
		names[why] = append(names[why], r.label.String())
	}
	if failed == 0 {
		return exit.CommandStatus(status)
	}
	if !c.quiet {
		fmt.Fprintf(os.Stderr, "%s: %d of %d failed\n", c.cli.Name, failed, len(results))
		for _, why := range reasons {
			list := names[why]
			slices.Sort(list)
			more := ""
			if len(list) > maxNamed {
				more = fmt.Sprintf(" and %d more", len(list)-maxNamed)
				list = list[:maxNamed]
			}
			fmt.Fprintf(os.Stderr, "  %s: %s%s\n", printable.Text(why), strings.Join(list, ", "), more)
		}
	}
	if status == 0 { // only commands that were not run
		status = exit.Failed
	}
	return exit.CommandStatus(status)
}
