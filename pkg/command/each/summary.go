package each

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/nsjoin/docker-nsjoin/pkg/exit"
	"github.com/nsjoin/docker-nsjoin/pkg/printable"
)

// notRun is why a command has not run.
const notRun = "not run"

// maxNamed is how many containers a line of the summary names.
const maxNamed = 20

// failure is the result of what failed with an error before a command ran.
func (c *call) failure(err error) result {
	r := result{status: exit.Status(err), why: err.Error(), err: err}
	if known, ok := errors.AsType[*exit.Error](err); ok && known.Hint != "" {
		var text strings.Builder
		c.cli.Name.Report(&text, err) // has the program's name in the hint
		_, r.hint, _ = strings.Cut(strings.TrimSpace(text.String()), "\n")
	}
	return r
}

// summary prints which commands have failed and why, and returns the exit status as an error. results are those of the
// commands.
func (c *call) summary(results []result) error {
	lost := c.outputs.failure()
	status, failed := c.stops.status(), failures{names: make(map[string][]string), hints: make(map[string]string)}
	for _, r := range slices.Concat(c.failures, results) {
		failed.total += r.commands()
		if !c.counts(r) {
			continue
		}
		if c.outputs.unread() && (r.why == notRun || r.status == brokenPipe) {
			status = max(status, brokenPipe) // as for a program in a pipe, there is nothing to say
			continue
		}
		failed.add(r)
		if !r.forced && (status < exit.Signalled(0) || c.stops.status() == 0) {
			status = max(status, r.status)
		}
	}
	switch {
	case c.quiet:
		c.sayErrors()
	case len(failed.reasons) > 0:
		c.say(fmt.Sprintf("%s: %s\n%s", c.cli.Name, failed.count(), failed.text()))
	}
	if len(failed.reasons) > 0 && status == 0 { // only commands that were not run
		status = exit.Failed
	}
	if lost {
		status = max(status, exit.Failed)
	}
	return exit.CommandStatus(status)
}

// sayErrors prints, each once, the errors because of which commands were not run.
func (c *call) sayErrors() {
	said := make(map[string]bool)
	for _, r := range c.failures {
		if !said[r.why] {
			said[r.why] = true
			c.say(fmt.Sprintf("%s: %s\n", c.cli.Name, printable.Text(r.why)))
		}
	}
}

// commands returns how many commands the result stands for: none if it is an engine's.
func (r result) commands() int {
	if r.label.Container == "" {
		return 0
	}
	return 1
}

// failures are what has failed, by the reason.
type failures struct {
	commands, total int
	engines         int      // that were not reached
	reasons         []string // in the order in which they were met
	names           map[string][]string
	hints           map[string]string
}

func (f *failures) add(r result) {
	name := r.label.String()
	if f.commands += r.commands(); r.commands() == 0 {
		f.engines++
		name = "context " + printable.Text(r.label.Context)
	}
	why := r.why
	if why == "" {
		why = fmt.Sprintf("exit status %d", r.status)
	}
	if f.names[why] == nil {
		f.reasons = append(f.reasons, why)
		f.hints[why] = r.hint
	}
	f.names[why] = append(f.names[why], name)
}

// count says how many have failed.
func (f *failures) count() string {
	var parts []string
	if f.commands > 0 {
		parts = append(parts, fmt.Sprintf("%d of %d failed", f.commands, f.total))
	}
	switch {
	case f.engines == 1:
		parts = append(parts, "1 engine was not reached")
	case f.engines > 1:
		parts = append(parts, fmt.Sprintf("%d engines were not reached", f.engines))
	}
	return strings.Join(parts, ", ")
}

// text returns a line for each reason, and then one for each hint.
func (f *failures) text() string {
	var text strings.Builder
	for _, why := range f.reasons {
		fmt.Fprintf(&text, "  %s: %s\n", printable.Text(why), few(f.names[why]))
	}
	for _, hint := range slices.Compact(slices.Sorted(maps.Values(f.hints))) {
		if hint != "" {
			text.WriteString(hint + "\n")
		}
	}
	return text.String()
}

// few returns some of the names, and how many more there are. JSON has all.
func few(names []string) string {
	slices.Sort(names)
	if len(names) <= maxNamed {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:maxNamed], ", "), len(names)-maxNamed)
}

// say prints a text on standard error. If the commands were ended, it does not wait for a reader for long.
func (c *call) say(text string) {
	written := make(chan struct{})
	go func() {
		defer close(written)
		fmt.Fprint(os.Stderr, text)
	}()
	c.stops.wait(written)
}
