package each

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/nsjoin/docker-nsjoin/pkg/exit"
	"github.com/nsjoin/docker-nsjoin/pkg/printable"
)

// notRun is why a command has not run.
const notRun = "not run"

// maxNamed is how many containers a line of the summary names.
const maxNamed = 20

// summary prints which commands have failed and why, and returns the exit status as an error.
func (c *call) summary(results []result) error {
	status, failed := c.stops.status(), 0
	var reasons []string
	names := make(map[string][]string)
	for _, r := range results {
		if !c.counts(r) {
			continue
		}
		if c.outputs.unread() && (r.why == notRun || r.status == brokenPipe) {
			status = max(status, brokenPipe) // as for a program in a pipe, there is nothing to say
			continue
		}
		failed++
		if status < exit.Signalled(0) || c.stops.status() == 0 {
			status = max(status, r.status)
		}
		why := r.why
		switch {
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
	if failed > 0 && !c.quiet {
		var text strings.Builder
		fmt.Fprintf(&text, "%s: %d of %d failed\n", c.cli.Name, failed, len(results))
		for _, why := range reasons {
			fmt.Fprintf(&text, "  %s: %s\n", printable.Text(why), few(names[why]))
		}
		c.say(text.String())
	}
	if failed > 0 && status == 0 { // only commands that were not run
		status = exit.Failed
	}
	return exit.CommandStatus(status)
}

// few returns some of the names, and how many more there are.
func few(names []string) string {
	slices.Sort(names)
	if len(names) <= maxNamed {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:maxNamed], ", "), len(names)-maxNamed)
}

// say prints a text on standard error. If the commands were ended, it does not wait for a reader for long.
func (c *call) say(text string) {
	const limit = time.Second
	written := make(chan struct{})
	go func() {
		defer close(written)
		fmt.Fprint(os.Stderr, text)
	}()
	select {
	case <-written:
	case <-c.stops.after(limit):
	}
}
