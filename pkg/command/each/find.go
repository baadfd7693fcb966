package each

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/nsjoin/docker-nsjoin/pkg/audit"
	"github.com/nsjoin/docker-nsjoin/pkg/dockercli"
	"github.com/nsjoin/docker-nsjoin/pkg/engine/selection"
	"github.com/nsjoin/docker-nsjoin/pkg/enginehost"
	"github.com/nsjoin/docker-nsjoin/pkg/execopts"
	"github.com/nsjoin/docker-nsjoin/pkg/exit"
	"github.com/nsjoin/docker-nsjoin/pkg/lines"
	"github.com/nsjoin/docker-nsjoin/pkg/plan"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
	"github.com/nsjoin/docker-nsjoin/pkg/stdio"
)

// host is an engine that containers were chosen on.
type host struct {
	*enginehost.Host
	context string // "" if no other engine is asked
	key     string // no other engine of this call has it
	audit   audit.Request
	watch   watch
	begins  chan struct{} // has the commands that are being begun
}

// target is a container that the command is run in.
type target struct {
	selection.Chosen
	host *host
	task string // the ID of the Swarm task that it is of; "" for none
}

func (t target) label() lines.Label {
	name := t.Name
	if name == "" {
		name = t.ID[:min(12, len(t.ID))]
	}
	return lines.Label{Context: t.host.context, Container: name, Unique: t.task != ""}
}

// call is one call of the command.
type call struct {
	*options

	cli      *dockercli.CLI
	template *request.Request
	hosts    []*host
	targets  []target
	failures []result // before anything ran; those of engines have no container

	printer *lines.Printer
	stops   *stops
	input   *input
	outputs *outputs
}

// each stands for the container in the request that all others are made from. No container has that name.
const each = "\x00each"

func (o *options) newCall(cli *dockercli.CLI, command []string) (*call, error) {
	base := request.Source{From: request.FromContainer, Name: each}
	template, err := o.Request(base, command)
	if err != nil {
		return nil, err
	}
	template.Terminal = request.TerminalNever
	c := &call{options: o, cli: cli, template: template}
	if len(o.contexts) == 0 || o.swarmService != "" { // then they are for nodes
		return c, c.open(cli, "")
	}
	for i, name := range o.contexts {
		if slices.Contains(o.contexts[:i], name) {
			return nil, o.usageError(fmt.Errorf("--context names %q twice", name))
		}
		other, err := cli.In(name)
		if err != nil {
			return nil, err
		}
		if err := c.open(other, name); err != nil {
			return nil, fmt.Errorf("context %q: %w", name, err)
		}
	}
	return c, c.distinct()
}

// distinct refuses two contexts of one engine: each command would run twice.
func (c *call) distinct() error {
	contexts := make(map[string]string) // by the engine's address
	for _, h := range c.hosts {
		address := h.Connection.Endpoint()
		if other, known := contexts[address]; known {
			return c.usageError(fmt.Errorf("the contexts %q and %q are the same engine, %s", other, h.context, address))
		}
		contexts[address] = h.context
	}
	return nil
}

// open opens an engine.
func (c *call) open(cli *dockercli.CLI, context string) error {
	opened, err := enginehost.Open(cli, c.Host)
	if err != nil {
		return err
	}
	h := &host{Host: opened, context: context, key: strconv.Itoa(len(c.hosts)), watch: newWatch()}
	c.hosts = append(c.hosts, h)
	if h.audit, err = execopts.AuditOf(cli); err != nil {
		return err
	}
	h.begins = make(chan struct{}, h.limit())
	return h.PrepareMany()
}

// mayBegin waits until one more command may be begun, or until ctx ends. The caller calls begun afterwards. With an
// input that is no file all commands run at the same time, but sshd counts only connections that are being made.
func (h *host) mayBegin(ctx context.Context) (begun func()) {
	select {
	case h.begins <- struct{}{}:
		return func() { <-h.begins }
	case <-ctx.Done():
		return func() {}
	}
}

func (c *call) close() {
	for _, h := range c.hosts {
		h.Close()
	}
}

// answerTimeout is how long one of several engines may take to answer.
const answerTimeout = 15 * time.Second

// found is what was chosen on an engine.
type found struct {
	list    []selection.Chosen
	missing []string
	err     error
}

// find chooses the containers. An engine that does not answer is a failure of its own if there are others.
func (c *call) find(ctx context.Context) error {
	if c.swarmService != "" {
		return c.findTasks(ctx)
	}
	answers := make([]found, len(c.hosts))
	var asked sync.WaitGroup
	for i, h := range c.hosts {
		asked.Go(func() { answers[i] = c.ask(ctx, h) })
	}
	asked.Wait()
	missing := make(map[string]int)
	hosts := make(map[string]*host) // by the container's ID
	answered := 0
	for i, h := range c.hosts {
		a := answers[i]
		if a.err != nil {
			if len(c.hosts) == 1 {
				return a.err
			}
			r := c.failure(a.err)
			r.label.Context = h.context
			c.failures = append(c.failures, r)
			continue
		}
		answered++
		for _, chosen := range a.list {
			if other, known := hosts[chosen.ID]; known {
				return c.usageError(fmt.Errorf("the contexts %q and %q are the same engine: both have the container %q", other.context, h.context, chosen.Name))
			}
			hosts[chosen.ID] = h
			c.targets = append(c.targets, target{Chosen: chosen, host: h})
		}
		for _, name := range a.missing {
			missing[name]++
		}
	}
	return c.checkFound(missing, answered)
}

// ask asks an engine for the containers that are meant.
func (c *call) ask(ctx context.Context, h *host) (a found) {
	if len(c.hosts) > 1 {
		limited, cancel := context.WithTimeout(ctx, answerTimeout)
		defer cancel()
		ctx = limited
	}
	answered := h.WarnIfSilent("each")
	defer answered()
	engine, err := h.Engine()
	if err != nil {
		return found{err: err}
	}
	a.list, a.missing, a.err = c.query.Choose(ctx, engine, h.Connection.HelperIDs)
	if a.err != nil && errors.Is(ctx.Err(), context.DeadlineExceeded) {
		a.err = errors.New(noAnswer)
	}
	return a
}

// checkFound refuses names that mean no container, and no containers at all. missing says on how many engines each
// name means none, of those that have answered. If others have not, such a name is one more failure.
func (c *call) checkFound(missing map[string]int, answered int) error {
	const hint = "docker ps lists the running containers; --allow-none makes that no error"
	if c.allowNone {
		return nil
	}
	for _, name := range c.query.Names {
		switch {
		case answered == 0 || missing[name] < answered:
		case len(c.failures) > 0:
			c.failures = append(c.failures, result{label: lines.Label{Container: name}, status: exit.Failed, why: "no running container"})
		default:
			return exit.Hint(fmt.Errorf("no running container: %s", plan.QuoteArg(name)), hint)
		}
	}
	if len(c.targets) == 0 && len(c.failures) == 0 {
		return exit.Hint(errors.New("no running container was found"), hint)
	}
	return nil
}

// request makes the request for a container, and sets its name in it.
func (c *call) request(t target) *request.Request {
	r := c.template.Copy()
	r.Audit = t.host.audit
	r.Rename(each, t.ID)
	return r
}

// terminals says which outputs are terminals.
func terminals() [2]bool {
	return [2]bool{stdio.IsTerminal(os.Stdout), stdio.IsTerminal(os.Stderr)}
}
