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
	status, failed := c.stops.status(), failures{names: make(map[string][]string)}
	for _, r := range results {
		if !c.counts(r) {
			continue
		}
		if c.outputs.unread() && (r.why == notRun || r.status == brokenPipe) {
			status = max(status, brokenPipe) // as for a program in a pipe, there is nothing to say
			continue
		}
		failed.add(r)
		if status < exit.Signalled(0) || c.stops.status() == 0 {
			status = max(status, r.status)
		}
		if r.stopped && r.why != "" && r.status == 0 {
			status = max(status, exit.Failed)
		}
	}
	if failed.count > 0 && !c.quiet {
		c.say(fmt.Sprintf("%s: %d of %d failed\n%s", c.cli.Name, failed.count, len(results), failed.text()))
	}
	if failed.count > 0 && status == 0 { // only commands that were not run
		status = exit.Failed
	}
	return exit.CommandStatus(status)
}

// failures are the containers whose commands have failed, by the reason.
type failures struct {
	count   int
	reasons []string // in the order in which they were met
	names   map[string][]string
}

func (f *failures) add(r result) {
	f.count++
	why := r.why
	if why == "" {
		why = fmt.Sprintf("exit status %d", r.status)
	}
	if f.names[why] == nil {
		f.reasons = append(f.reasons, why)
	}
	f.names[why] = append(f.names[why], r.label.String())
}

// text returns a line for each reason.
func (f *failures) text() string {
	var text strings.Builder
	for _, why := range f.reasons {
		fmt.Fprintf(&text, "  %s: %s\n", printable.Text(why), few(f.names[why]))
	}
	return text.String()
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
