// Package inspect is docker nsjoin inspect: it shows the identity that a command in a container would have.
package inspect

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/nsjoin/docker-nsjoin/pkg/completion"
	"github.com/nsjoin/docker-nsjoin/pkg/dockercli"
	"github.com/nsjoin/docker-nsjoin/pkg/engine"
	"github.com/nsjoin/docker-nsjoin/pkg/enginehost"
	"github.com/nsjoin/docker-nsjoin/pkg/execopts"
	"github.com/nsjoin/docker-nsjoin/pkg/listing"
	"github.com/nsjoin/docker-nsjoin/pkg/ns"
	"github.com/nsjoin/docker-nsjoin/pkg/plan"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
	"github.com/nsjoin/docker-nsjoin/pkg/survey"
)

const long = `Show the identity that a command in a container would have, without running one:
its user, capabilities, seccomp filters, label, cgroup and limits, and which other
containers share its namespaces. docker nsjoin --dry-run also prints the steps of
the join.`

// options are the values of the flags.
type options struct {
	format string
	host   enginehost.Options
}

// New makes the command.
func New(cli *dockercli.CLI) *cobra.Command {
	var o options
	cmd := &cobra.Command{
		Use:   "inspect [OPTIONS] CONTAINER [CONTAINER...]",
		Short: "Show the identity that a command in a container would have",
		Long:  long,
		Example: `  docker nsjoin inspect web
  docker nsjoin inspect --format '{{.Identity.Container.Capabilities.Effective}}' web`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return dockercli.CommandUsageError(cmd, errors.New("which container? "+cmd.UseLine()))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			return o.run(cmd.Context(), cli, args)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&o.format, "format", "text", `Format of the output ("text"|"json"|a Go template)`)
	o.host.AddTo(flags)
	completion.Args(cmd, execopts.WithServices(cli, completion.Containers(cli)))
	completion.Flag(cmd, "format", completion.OneOf("text", "json"))
	completion.Flag(cmd, "via", completion.Via)
	return cmd
}

func (o *options) run(ctx context.Context, cli *dockercli.CLI, args []string) error {
	host, err := enginehost.Open(cli, o.host)
	if err != nil {
		return err
	}
	defer host.Close()
	l, err := listing.NewLister(host, "inspect")
	if err != nil {
		return err
	}
	list, err := l.List(ctx, false)
	if err != nil {
		return err
	}
	inspections := make([]inspection, len(args))
	for i, name := range args {
		if inspections[i], err = inspect(ctx, host, list, strings.TrimPrefix(name, "container:")); err != nil {
			return err
		}
	}
	return write(os.Stdout, o.format, inspections)
}

// inspect makes the helper observe and plan as for a command, and print the plan.
func inspect(ctx context.Context, host *enginehost.Host, list *listing.List, name string) (inspection, error) {
	r := &request.Request{
		Version: request.Version, Base: request.Source{From: request.FromContainer, Name: name}, Take: ns.All(),
		Command: []string{"true"}, Terminal: request.TerminalNever, DryRun: request.OutputJSON, Inspect: true,
	}
	answers, err := execopts.Named{Host: host}.Resolve(ctx, r)
	if err != nil {
		return inspection{}, err
	}
	out, _, err := host.Ask(ctx, r, engine.NewSpec(r, answers), answers.Configured(r))
	if err != nil {
		return inspection{}, err
	}
	var p plan.Plan
	if err := json.Unmarshal(out, &p); err != nil {
		return inspection{}, fmt.Errorf("read the helper's plan: %w", err)
	}
	id := r.Base.Container.ID
	i := slices.IndexFunc(list.Rows, func(row *survey.Row) bool { return row.ID == id })
	if i < 0 {
		return inspection{}, fmt.Errorf("container %q was started just now: try again", name)
	}
	return newInspection(list.Rows[i], list.Containers[id], p.Identity), nil
}
