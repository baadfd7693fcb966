package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/nsjoin/docker-nsjoin/pkg/exit"
	"github.com/nsjoin/docker-nsjoin/pkg/launch"
	"github.com/nsjoin/docker-nsjoin/pkg/survey"
)

const lsLong = `List running containers, a row each, and for each kind of namespace whose it is:
  own      the container's alone
  host     the host's, or that of the engine
  =web,db  that of other containers too, the one that it was first of in front

Guests are processes of the host or of other containers that have namespaces of a
container's own: a docker nsjoin, an nsenter, an exec of another tool.

A container that is named like a command, ls or inspect, is entered by
docker nsjoin container:ls.`

const lsExamples = `  docker nsjoin ls                             who shares what with whom
  docker nsjoin ls web                         all about web, its guests too
  docker nsjoin ls --format tree               pods as branches
  docker nsjoin ls --watch --format tree       the same, as it changes
  docker nsjoin ls --filter shares=web         who shares a namespace with web
  docker nsjoin ls --format '{{.Name}} {{.Net}}'`

// lsOptions are what the flags of ls were set to.
type lsOptions struct {
	format   string
	filter   filterFlag
	quiet    bool
	noTrunc  bool
	all      bool
	watch    bool
	via      launch.Via
	noEngine noEngine
}

func newLsCommand(cli *dockerCLI) *cobra.Command {
	o := lsOptions{via: launch.Auto}
	cmd := &cobra.Command{
		Use:     "ls [OPTIONS] [CONTAINER...]",
		Short:   "List who shares namespaces with whom, and who is a guest",
		Long:    lsLong,
		Example: lsExamples,
		Args:    cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			return o.run(cmd, cli, args)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&o.format, "format", "", `Form of the list ("table"|"wide"|"json"|"tree"|"mermaid"|"dot"|a Go template as of docker ps)`)
	flags.VarP(&o.filter, "filter", "f", "Only containers that it holds for: "+strings.Join(filterKeys(), ", "))
	flags.BoolVarP(&o.quiet, "quiet", "q", false, "Print IDs only")
	flags.BoolVarP(&o.all, "all", "a", false, "List namespaces of no container as well, and what holds them")
	flags.BoolVar(&o.noTrunc, "no-trunc", false, "Don't shorten what is printed")
	flags.BoolVarP(&o.watch, "watch", "w", false, "Draw the list anew when something changes, until q is typed")
	flags.Var(&viaFlag{&o.via}, "via", `How to get to the engine's host ("auto"|"local"|"engine")`)
	o.noEngine.addTo(flags)
	cmd.ValidArgsFunction = completeContainers(cli)
	_ = cmd.RegisterFlagCompletionFunc("format", oneOf("table", "wide", "json", "tree", "mermaid", "dot"))
	_ = cmd.RegisterFlagCompletionFunc("filter", completeFilter(cli))
	_ = cmd.RegisterFlagCompletionFunc("via", completeVia)
	return cmd
}

func (o *lsOptions) run(cmd *cobra.Command, cli *dockerCLI, args []string) error {
	if o.all && (o.quiet || !slices.Contains([]string{"", "table", "wide", "json", "tree"}, o.format)) {
		return exit.Hint(errors.New("--all has no other form than table, wide, json and tree"), "leave --all out")
	}
	l, closed, err := newLooker(cli, o.via, o.noEngine, "docker nsjoin ls")
	if err != nil {
		return err
	}
	defer closed()
	l.held = o.all
	paint := stdoutPainter()
	if o.watch {
		return watch(cmd.Context(), l.client, func(ctx context.Context, out io.Writer) error {
			return o.list(ctx, l, args, out, paint, io.Discard)
		})
	}
	return o.list(cmd.Context(), l, args, os.Stdout, paint, os.Stderr)
}

// list looks once and prints what was found.
func (o *lsOptions) list(ctx context.Context, l *looker, args []string, out io.Writer, paint painter, warnings io.Writer) error {
	list, err := l.look(ctx, !o.noTrunc)
	if err != nil {
		return err
	}
	shown, err := list.choose(ctx, l.client, args, o.filter)
	if err != nil {
		return err
	}
	for _, name := range list.missing {
		exit.Warn(warnings, fmt.Sprintf("the first process of container %q was not found on the engine's host", name))
	}
	for _, text := range cutTexts(list.cut) {
		exit.Warn(warnings, text)
	}
	if err := o.printRows(out, paint, list, shown, len(args) > 0); err != nil {
		return err
	}
	if err := o.printHeld(out, list.held); err != nil {
		return err
	}
	if o.format == "json" && list.cut != (survey.Omitted{}) {
		return writeRows(out, "json", nil, []cutText{{list.cut}})
	}
	return nil
}

// cutText is the last line of JSON where something was left out.
type cutText struct{ Cut survey.Omitted }

// cutTexts says what was left out because there was too much of it.
func cutTexts(c survey.Omitted) []string {
	var texts []string
	for _, row := range []struct {
		n    int
		text string
	}{
		{c.Processes, "%d processes were not looked at: there are too many in namespaces other than the host's"},
		{c.Holders, "mounts or descriptors of %d processes were not all looked at: there are too many"},
		{c.Namespaces, "%d namespaces of no container are not listed: there are too many"},
	} {
		if row.n > 0 {
			texts = append(texts, fmt.Sprintf(row.text, row.n))
		}
	}
	return texts
}
