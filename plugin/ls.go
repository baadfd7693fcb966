package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/moby/term"
	"github.com/spf13/cobra"

	"github.com/nsjoin/docker-nsjoin/pkg/engine"
	"github.com/nsjoin/docker-nsjoin/pkg/exit"
	"github.com/nsjoin/docker-nsjoin/pkg/launch"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
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
  docker nsjoin ls --filter shares=web         who shares a namespace with web
  docker nsjoin ls --format '{{.Name}} {{.Net}}'`

// lsOptions are what the flags of ls were set to.
type lsOptions struct {
	format  string
	filter  filterFlag
	quiet   bool
	noTrunc bool
	via     launch.Via
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
	flags.BoolVar(&o.noTrunc, "no-trunc", false, "Don't shorten what is printed")
	flags.Var(&viaFlag{&o.via}, "via", `How to get to the engine's host ("auto"|"local"|"engine")`)
	return cmd
}

func (o *lsOptions) run(cmd *cobra.Command, cli *dockerCLI, args []string) error {
	connection, err := cli.Engine()
	if err != nil {
		return err
	}
	client, err := connection.Client()
	if err != nil {
		return err
	}
	list, err := look(cmd.Context(), client, !o.noTrunc)
	if err != nil {
		return err
	}
	shown, err := list.choose(cmd.Context(), client, args, o.filter)
	if err != nil {
		return err
	}
	for _, name := range list.missing {
		exit.Warn(cmd.ErrOrStderr(), fmt.Sprintf("the first process of container %q was not found on this host", name))
	}
	paint := painter(term.IsTerminal(os.Stdout.Fd()) && os.Getenv("NO_COLOR") == "")
	return o.print(os.Stdout, paint, list, shown, len(args) > 0)
}

// lister is what is asked of the engine.
type lister interface {
	engine.Lister
	engine.Inspector
}

// listing is the running containers, and what was found of them.
type listing struct {
	containers map[string]engine.Container // by ID
	rows       []*survey.Row
	missing    []string // names of those that the engine says run, but that weren't found
}

// look asks the engine for its containers and the helper for their namespaces.
// Their first processes are found by the helper: asking the engine for each takes
// longer than all the rest. It is asked for those that weren't found.
func look(ctx context.Context, client lister, short bool) (*listing, error) {
	all, err := engine.List(ctx, client)
	if err != nil {
		return nil, err
	}
	l := &listing{containers: make(map[string]engine.Container)}
	claims := make([]request.Claim, len(all))
	for i, c := range all {
		l.containers[c.ID] = c
		claims[i].ID = c.ID
	}
	found, err := surveyOf(ctx, claims)
	if err != nil {
		return nil, err
	}
	if lost := notFound(found, claims); len(lost) > 0 {
		if found, err = l.lookAgain(ctx, client, found, claims, lost); err != nil {
			return nil, err
		}
	}
	if len(all) > 0 && len(l.missing) == len(all) {
		return nil, exit.Hint(errors.New("the engine's containers were not found on this host"),
			"its engine may be on another host: run docker nsjoin there, as root")
	}
	names := make([]survey.Named, len(all))
	for i, c := range all {
		names[i] = survey.Named{ID: c.ID, Name: c.Name, Image: c.Image}
		if digest, ok := strings.CutPrefix(c.Image, "sha256:"); ok && short {
			names[i].Image = digest[:min(shownID, len(digest))]
		}
	}
	l.rows = survey.Report(found, names, userName)
	return l, nil
}

// lookAgain asks the engine for the first processes of containers that weren't
// found without. What has stopped meanwhile is left out.
func (l *listing) lookAgain(
	ctx context.Context, inspector engine.Inspector, found *survey.Survey, claims []request.Claim, lost []string,
) (*survey.Survey, error) {
	pids, err := engine.PIDs(ctx, inspector, lost)
	if err != nil || len(pids) == 0 {
		return found, err
	}
	for i := range claims {
		claims[i].PID = pids[claims[i].ID]
	}
	found, err = surveyOf(ctx, claims)
	if err != nil {
		return nil, err
	}
	for _, id := range notFound(found, claims) {
		if pids[id] != 0 {
			l.missing = append(l.missing, l.containers[id].Name)
		}
	}
	return found, nil
}

func surveyOf(ctx context.Context, claims []request.Claim) (*survey.Survey, error) {
	out, err := launch.Output(ctx, &request.Request{
		Version: request.Version, Base: request.Host(), Survey: &request.Survey{Containers: claims},
	})
	if err != nil {
		return nil, err
	}
	var found survey.Survey
	if err := json.Unmarshal(out, &found); err != nil {
		return nil, fmt.Errorf("read survey: %w", err)
	}
	return &found, nil
}

// notFound are the IDs of the claims that a survey has no container for.
func notFound(found *survey.Survey, claims []request.Claim) []string {
	have := make(map[string]bool)
	for _, c := range found.Containers {
		have[c.ID] = true
	}
	var ids []string
	for _, c := range claims {
		if !have[c.ID] {
			ids = append(ids, c.ID)
		}
	}
	return ids
}
