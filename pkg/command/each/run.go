package each

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"sync"

	"github.com/moby/term"

	"github.com/nsjoin/docker-nsjoin/pkg/exit"
	"github.com/nsjoin/docker-nsjoin/pkg/fanout"
	"github.com/nsjoin/docker-nsjoin/pkg/lines"
	"github.com/nsjoin/docker-nsjoin/pkg/progress"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

// How many commands run at the same time if the user does not say, where that is not fanout.MostPerEngine. sshd refuses
// connections at random beyond ten that are not authenticated (MaxStartups of sshd_config(5)).
const (
	perSSH      = 6
	perCPU      = 8
	leastOnHost = 16
)

// columns returns the width of the terminal that standard output or standard error is; 0 if it is unknown.
func columns() int {
	for _, f := range []*os.File{os.Stdout, os.Stderr} {
		if size, err := term.GetWinsize(f.Fd()); err == nil && size.Width > 0 {
			return int(size.Width)
		}
	}
	return 0
}

// limits says how many commands run at the same time.
func (c *call) limits() fanout.Limits {
	all := func(n int) fanout.Limits { return fanout.Limits{Total: n, PerEngine: func(string) int { return n }} }
	switch {
	case c.input.together():
		return all(len(c.targets))
	case c.parallel > 0:
		return all(c.parallel)
	}
	limits := make(map[string]int)
	for _, h := range c.hosts {
		limits[h.key] = h.limit()
	}
	return fanout.Limits{Total: fanout.Most, PerEngine: func(key string) int { return limits[key] }}
}

func (h *host) limit() int {
	switch local, err := h.Connection.Local(); {
	case h.Connection.BySSH():
		return perSSH
	case err == nil && local && h.MayJoinHere():
		return max(leastOnHost, perCPU*runtime.NumCPU())
	}
	return fanout.MostPerEngine
}

// gcPercent is how much garbage there may be beside what is used: the output of many commands is a lot of garbage.
const gcPercent = 20

// run runs the command in all containers and prints what it writes.
func (c *call) run(ctx context.Context) error {
	defer debug.SetGCPercent(debug.SetGCPercent(gcPercent))
	c.stops = newStops()
	defer c.stops.cancel()
	defer c.stops.watchSignals(ctx, c.cli.Parent.Gone)()
	var err error
	if c.input, err = c.newInput(); err != nil {
		return err
	}
	defer c.input.close()
	labels := make([]lines.Label, len(c.targets))
	engines := make([]string, len(c.targets))
	for i, t := range c.targets {
		labels[i], engines[i] = t.label(), t.host.key
	}
	c.printer = lines.NewPrinter(os.Stdout, os.Stderr, c.printing(), labels)
	watching, stopWatching := context.WithCancel(context.Background())
	defer stopWatching()
	c.watchEngines(watching)
	c.outputs = newOutputs(c)
	defer c.outputs.watch()()
	for _, r := range c.failures {
		c.printer.NotBegun(r.label, r.status, r.why)
	}
	results := c.runAll(engines)
	for i, r := range results {
		if r.label == (lines.Label{}) { // it was not begun
			results[i] = result{label: labels[i], status: exit.Failed, why: notRun, forced: true}
			c.printer.NotBegun(labels[i], exit.Failed, notRun)
		}
	}
	return c.summary(results)
}

// runAll runs the command in all containers. It returns a result without a label for each that it was not begun in.
func (c *call) runAll(engines []string) []result {
	var mu sync.Mutex
	results := make([]result, len(c.targets))
	far := &counted{total: len(c.targets)}
	defer c.showProgress(far)()
	fanout.Run(c.stops.more, engines, c.limits(), func(i int) {
		t := c.targets[i]
		s := c.printer.Open(t.label(), i)
		r := c.one(t, s)
		if r.left {
			s.Leave()
		}
		if r.err != nil && c.quiet { // there is no summary
			t.host.Name().Report(s.Stderr(), r.err)
		}
		if !r.planned {
			s.End(r.status, r.why)
		}
		s.Close()
		failed := c.counts(r)
		mu.Lock()
		results[i] = r
		mu.Unlock()
		far.add(failed)
		if failed && c.failFast {
			c.stops.begin(sigterm, otherFailed)
		}
	})
	return results
}

// counts reports whether a result is a failure.
func (c *call) counts(r result) bool {
	if r.stopped && c.ignoreStops {
		return false
	}
	return r.status != 0 || r.why != ""
}

// printing says how the output is printed.
func (c *call) printing() lines.Options {
	o := lines.Options{Prefix: !c.noPrefix, Group: c.group, Terminal: terminals()}
	o.JSON = c.Given("format") && c.Format() == request.OutputJSON
	o.Columns = columns
	o.Colours = o.Terminal[0] && o.Terminal[1] && os.Getenv("NO_COLOR") == ""
	if c.template.DryRun != request.OutputNone {
		o.Group = true
	}
	return o
}

// watchEngines notices engines that do not answer any more.
func (c *call) watchEngines(ctx context.Context) {
	for _, h := range c.hosts {
		if !h.Offline() {
			go h.watch.run(ctx, h.Connection.Ping)
		}
	}
}

// counted says how far the commands are.
type counted struct {
	mu                  sync.Mutex
	done, failed, total int
}

// showProgress shows at a terminal how far the commands are.
func (c *call) showProgress(n *counted) (end func()) {
	if c.quiet || n.total < 2 {
		return func() {}
	}
	show := func(text string) { c.printer.ShowStatus(os.Stderr, text) }
	line := progress.StartWith(show, c.printer.EraseStatus, "commands", n.String)
	return func() {
		removed := make(chan struct{})
		go func() {
			defer close(removed)
			line.End()
		}()
		c.stops.wait(removed)
	}
}

func (n *counted) String() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	text := fmt.Sprintf("%d of %d done", n.done, n.total)
	if n.failed > 0 {
		text += fmt.Sprintf(", %d failed", n.failed)
	}
	return text
}

func (n *counted) add(failed bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.done++
	if failed {
		n.failed++
	}
}
