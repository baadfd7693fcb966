package forward

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/nsjoin/docker-nsjoin/pkg/engine"
	"github.com/nsjoin/docker-nsjoin/pkg/execopts"
	"github.com/nsjoin/docker-nsjoin/pkg/forward/ports"
	"github.com/nsjoin/docker-nsjoin/pkg/plan"
	"github.com/nsjoin/docker-nsjoin/pkg/printable"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
	"github.com/nsjoin/docker-nsjoin/pkg/sockets"
)

// printListening prints what the container listens on, and the call that forwards it.
func (c *call) printListening(ctx context.Context) error {
	found, err := c.source(c.groups[0]).Open(ctx)
	if err != nil {
		return err
	}
	defer found.Network.Close()
	list, err := found.Network.Programs(ctx)
	if err != nil {
		return fmt.Errorf("find what container %q listens on: %w", c.groups[0].Container, err)
	}
	ports.Sort(list)
	if c.format == jsonLines {
		return printJSON(os.Stdout, list)
	}
	if len(list) == 0 {
		fmt.Fprintf(os.Stderr, "%s: %s does not listen on any port\n", c.cli.Name, printable.Text(c.groups[0].Container))
		return nil
	}
	w := tabwriter.NewWriter(os.Stdout, 8, 1, 3, ' ', 0)
	fmt.Fprintln(w, "KIND\tLISTENS ON\tPROGRAM")
	for _, l := range list {
		fmt.Fprintf(w, "%s\t%s\t%s\n", l.Network, printable.Text(ports.Address(&l)), printable.Text(ports.Program(&l)))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if line := c.line(list); line != "" {
		fmt.Fprintf(os.Stdout, "\n%s\n", line)
	}
	return nil
}

// printJSON prints the list as one object a line.
func printJSON(out io.Writer, list []sockets.Listening) error {
	for _, l := range list {
		text, err := json.Marshal(struct {
			Network, Address, Program string
			PID                       int
		}{l.Network, ports.Address(&l), l.Program, l.PID})
		if err != nil {
			return err
		}
		fmt.Fprintln(out, printable.Text(string(text)))
	}
	return nil
}

// line returns the call that forwards what is in the list, "" if there is nothing to forward.
func (c *call) line(list []sockets.Listening) string {
	const most = 5
	line := fmt.Sprintf("%s forward %s", c.cli.Name, plan.QuoteArg(c.groups[0].Container))
	var specs []string
	for _, l := range list {
		if word := ports.Spec(&l); word != "" && !slices.Contains(specs, word) && len(specs) < most {
			specs = append(specs, word)
		}
	}
	if i := slices.IndexFunc(list, func(l sockets.Listening) bool { return ports.Path(&l) != "" }); i >= 0 && len(specs) == 0 {
		specs = []string{"8080:" + plan.QuoteArg(ports.Path(&list[i]))}
	}
	if len(specs) == 0 {
		return ""
	}
	return line + " " + strings.Join(specs, " ")
}

// printPlans prints the plans of the helpers.
func (c *call) printPlans(ctx context.Context) error {
	for _, g := range c.groups {
		r := c.source(g).Request()
		r.DryRun = request.Output(c.format)
		answers, err := execopts.Named{Host: c.host}.Resolve(ctx, r)
		if err != nil {
			return err
		}
		out, _, err := c.host.Ask(ctx, r, engine.NewSpec(r, answers), answers.Configured(r))
		if err != nil {
			return err
		}
		if _, err := os.Stdout.Write(out); err != nil {
			return err
		}
	}
	return nil
}
