// Package ls is docker nsjoin ls: it lists which containers share namespaces.
package ls

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/nsjoin/docker-nsjoin/pkg/completion"
	"github.com/nsjoin/docker-nsjoin/pkg/dockercli"
	"github.com/nsjoin/docker-nsjoin/pkg/enginehost"
	"github.com/nsjoin/docker-nsjoin/pkg/exit"
	"github.com/nsjoin/docker-nsjoin/pkg/formatter"
	"github.com/nsjoin/docker-nsjoin/pkg/listing"
	"github.com/nsjoin/docker-nsjoin/pkg/row"
	"github.com/nsjoin/docker-nsjoin/pkg/survey"
)

const long = `List running containers, one per row. The columns say whose each namespace is:
  own      this container's alone
  host     the host's, or the engine's where that differs, as with a rootless engine
  =web,db  shared with these other containers, oldest first

A guest is a process of the host or of another container that is in one of the
container's own namespaces, for example one that docker nsjoin or nsenter started.

MOUNTS, if there are any, is how many mounts docker nsjoin mount has made.

If a container has the name of a subcommand, such as ls, debug or mount, type
docker nsjoin container:ls to run a command in it.`

const examples = `  docker nsjoin ls                             which containers share what
  docker nsjoin ls web                         details of web, with its guests
  docker nsjoin ls --format tree               all containers as a tree
  docker nsjoin ls --watch --format tree       the tree, redrawn when it changes
  docker nsjoin ls --filter shares=web         containers that share a namespace with web
  docker nsjoin ls --format '{{.Name}} {{.Net}}'`

// options are the values of the flags.
type options struct {
	format  string
	filter  filterFlag
	quiet   bool
	noTrunc bool
	all     bool
	watch   bool
	host    enginehost.Options
}

// New makes the command.
func New(cli *dockercli.CLI) *cobra.Command {
	var o options
	cmd := &cobra.Command{
		Use:     "ls [OPTIONS] [CONTAINER...]",
		Short:   "List which containers share namespaces, and their guests",
		Long:    long,
		Example: examples,
		Args:    cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			return o.run(cmd.Context(), cli, args)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&o.format, "format", "", `Format of the list ("table"|"wide"|"json"|"tree"|"mermaid"|"dot"|a Go template as for docker ps)`)
	flags.VarP(&o.filter, "filter", "f", "Show only containers that match: "+strings.Join(filterKeys(), ", "))
	flags.BoolVarP(&o.quiet, "quiet", "q", false, "Print IDs only")
	flags.BoolVarP(&o.all, "all", "a", false, "Also list namespaces of no container, and what keeps them alive")
	flags.BoolVar(&o.noTrunc, "no-trunc", false, "Do not truncate the output")
	flags.BoolVarP(&o.watch, "watch", "w", false, "Redraw the list when something changes, until q is typed")
	o.host.AddTo(flags)
	completion.Args(cmd, completion.Containers(cli))
	completion.Flag(cmd, "format", completion.OneOf("table", "wide", "json", "tree", "mermaid", "dot"))
	completion.Flag(cmd, "filter", completeFilter(cli))
	completion.Flag(cmd, "via", completion.Via)
	return cmd
}

func (o *options) run(ctx context.Context, cli *dockercli.CLI, args []string) error {
	switch {
	case o.all && o.quiet:
		return exit.Hint(errors.New("--all and --quiet cannot be used together"), "omit one of them")
	case o.all && !slices.Contains([]string{"", "table", "wide", "json", "tree"}, o.format):
		return exit.Hint(errors.New("--all works only with --format table, wide, json or tree"), "omit --all, or use one of these formats")
	}
	host, err := enginehost.Open(cli, o.host)
	if err != nil {
		return err
	}
	defer host.Close()
	l, err := listing.NewLister(host, "ls")
	if err != nil {
		return err
	}
	l.Held = o.all
	paint := row.StdoutPainter()
	if o.watch {
		host.KeepHelper()
		return watch(ctx, l.Engine, func(ctx context.Context, out io.Writer) error {
			return o.list(ctx, l, args, out, paint, io.Discard)
		})
	}
	return o.list(ctx, l, args, os.Stdout, paint, os.Stderr)
}

// list lists the containers once and prints them.
func (o *options) list(ctx context.Context, l *listing.Lister, args []string, out io.Writer, paint row.Painter, warnings io.Writer) error {
	list, err := l.List(ctx, !o.noTrunc)
	if err != nil {
		return err
	}
	rows, err := o.filter.choose(ctx, l.Engine, list, args)
	if err != nil {
		return err
	}
	for _, name := range list.Missing {
		l.Host.Name().Warn(warnings, fmt.Sprintf("the first process of container %q was not found on the engine's host", name))
	}
	for _, text := range omittedTexts(list.Omitted) {
		l.Host.Name().Warn(warnings, text)
	}
	if err := o.printRows(out, paint, list, rows, len(args) > 0); err != nil {
		return err
	}
	if err := o.printHeld(out, list.Held); err != nil {
		return err
	}
	if o.format == "json" && list.Omitted != (survey.Omitted{}) {
		return formatter.Write(out, "json", nil, []omittedRecord{{list.Omitted}})
	}
	return nil
}

// omittedRecord is the last line of JSON if something was left out.
type omittedRecord struct{ Cut survey.Omitted }

// omittedTexts says what was omitted because there was too much of it.
func omittedTexts(c survey.Omitted) []string {
	var texts []string
	for _, row := range []struct {
		n    int
		text string
	}{
		{c.Processes, "%d processes were skipped: too many are in namespaces other than the host's"},
		{c.Holders, "some mounts or descriptors of %d processes were skipped: there are too many"},
		{c.Namespaces, "%d namespaces of no container are not listed: there are too many"},
	} {
		if row.n > 0 {
			texts = append(texts, fmt.Sprintf(row.text, row.n))
		}
	}
	return texts
}
