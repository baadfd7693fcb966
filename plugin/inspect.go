package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/nsjoin/docker-nsjoin/pkg/engine"
	"github.com/nsjoin/docker-nsjoin/pkg/launch"
	"github.com/nsjoin/docker-nsjoin/pkg/ns"
	"github.com/nsjoin/docker-nsjoin/pkg/plan"
	"github.com/nsjoin/docker-nsjoin/pkg/printable"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
	"github.com/nsjoin/docker-nsjoin/pkg/survey"
)

const inspectLong = `Tell what a command in a container would be, without running one: its user,
capabilities, seccomp filters, label, cgroup and limits, and whose its namespaces
are. It is read and decided as for a command; docker nsjoin --dry-run tells of the
steps as well.`

// inspectOptions are what the flags of inspect were set to.
type inspectOptions struct {
	format   string
	via      launch.Via
	noEngine noEngine
}

func newInspectCommand(cli *dockerCLI) *cobra.Command {
	o := inspectOptions{via: launch.Auto}
	cmd := &cobra.Command{
		Use:   "inspect [OPTIONS] CONTAINER [CONTAINER...]",
		Short: "Tell what a command in a container would be",
		Long:  inspectLong,
		Example: `  docker nsjoin inspect web
  docker nsjoin inspect --format '{{.Identity.Container.Capabilities.Effective}}' web`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usage(errors.New("which container? docker nsjoin inspect [OPTIONS] CONTAINER [CONTAINER...]"))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			return o.run(cmd.Context(), cli, args)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&o.format, "format", "text", `Form of what is told ("text"|"json"|a Go template)`)
	flags.Var(&viaFlag{&o.via}, "via", `How to get to the engine's host ("auto"|"local"|"engine")`)
	o.noEngine.addTo(flags)
	cmd.ValidArgsFunction = completeContainers(cli)
	_ = cmd.RegisterFlagCompletionFunc("format", oneOf("text", "json"))
	_ = cmd.RegisterFlagCompletionFunc("via", completeVia)
	return cmd
}

func (o *inspectOptions) run(ctx context.Context, cli *dockerCLI, args []string) error {
	l, closed, err := newLooker(cli, o.via, o.noEngine, "docker nsjoin inspect")
	if err != nil {
		return err
	}
	defer closed()
	list, err := l.look(ctx, false)
	if err != nil {
		return err
	}
	inspections := make([]inspection, len(args))
	for i, name := range args {
		if inspections[i], err = l.inspect(ctx, list, strings.TrimPrefix(name, "container:")); err != nil {
			return err
		}
	}
	return writeInspections(os.Stdout, o.format, inspections)
}

// writeInspections prints them in the form that was asked for.
func writeInspections(out io.Writer, format string, inspections []inspection) error {
	switch format {
	case "text":
		for i, c := range inspections {
			if i > 0 {
				fmt.Fprintln(out)
			}
			c.write(out, stdoutPainter())
		}
		return nil
	case "json":
		var text strings.Builder
		enc := json.NewEncoder(&text)
		enc.SetEscapeHTML(false)
		enc.SetIndent("", "    ")
		if err := enc.Encode(inspections); err != nil { // a list, as of docker inspect
			return err
		}
		_, err := io.WriteString(out, printable.Lines(text.String()))
		return err
	}
	return writeRows(out, format, nil, inspections)
}

// inspection is a container: who is in it, and who a command in it would be.
type inspection struct {
	rowText
	Identity plan.Identity

	row *survey.Row
}

// inspect has the helper observe and plan as for a command, and print that.
func (l *looker) inspect(ctx context.Context, list *listing, name string) (inspection, error) {
	var c inspection
	r := &request.Request{
		Version: request.Version, Base: request.Source{From: request.FromContainer, Name: name}, Take: ns.All(),
		Command: []string{"true"}, Terminal: request.TerminalNever, DryRun: request.OutputJSON, Inspect: true,
	}
	answers, err := engine.Resolve(ctx, l.inspector(), r)
	if err != nil {
		return c, err
	}
	out, _, err := l.ask(ctx, r, engine.NewSpec(r, answers), answers.Configured(r))
	if err != nil {
		return c, err
	}
	var p plan.Plan
	if err := json.Unmarshal(out, &p); err != nil {
		return c, fmt.Errorf("read plan: %w", err)
	}
	c.Identity = p.Identity
	id := r.Base.Container.ID
	i := slices.IndexFunc(list.rows, func(row *survey.Row) bool { return row.ID == id })
	if i < 0 {
		return c, fmt.Errorf("container %q was started just now: try again", name)
	}
	c.row = list.rows[i]
	context := &rowContext{row: c.row, c: list.containers[id]}
	c.rowText = context.all()
	return c, nil
}

func (c inspection) write(out io.Writer, paint painter) {
	context := &rowContext{row: c.row}
	_ = context.writeDetail(out, paint)
	w := tabwriter.NewWriter(out, 0, 1, 3, ' ', 0)
	fmt.Fprintf(w, "\nbundle\t%s\n", printable.Text(c.Bundle))
	for _, row := range groupsAsOne(c.Identity.Rows()) {
		fmt.Fprintf(w, "%s\t%s\n", row[0], printable.Text(row[1]))
	}
	_ = w.Flush()
}

// groupsAsOne puts cgroups of the same path, of all the hierarchies of cgroup v1,
// on one line.
func groupsAsOne(rows [][2]string) [][2]string {
	var merged [][2]string
	for _, row := range rows {
		hierarchy, path, _ := strings.Cut(row[1], ":")
		if n := len(merged) - 1; n >= 0 && row[0] == "cgroup" && merged[n][0] == "cgroup" {
			if before, same := strings.CutSuffix(merged[n][1], ":"+path); same {
				merged[n][1] = before + "," + hierarchy + ":" + path
				continue
			}
		}
		merged = append(merged, row)
	}
	return merged
}
