// Package entrypoint is docker nsjoin entrypoint: it shows what a container or an image starts, and checks whether
// that can be started.
package entrypoint

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/nsjoin/docker-nsjoin/pkg/completion"
	"github.com/nsjoin/docker-nsjoin/pkg/copyopts"
	"github.com/nsjoin/docker-nsjoin/pkg/dockercli"
	"github.com/nsjoin/docker-nsjoin/pkg/engine"
	"github.com/nsjoin/docker-nsjoin/pkg/engine/selection"
	"github.com/nsjoin/docker-nsjoin/pkg/engine/target"
	"github.com/nsjoin/docker-nsjoin/pkg/enginehost"
	"github.com/nsjoin/docker-nsjoin/pkg/execopts"
	"github.com/nsjoin/docker-nsjoin/pkg/exit"
	"github.com/nsjoin/docker-nsjoin/pkg/interrupt"
	"github.com/nsjoin/docker-nsjoin/pkg/lint"
	"github.com/nsjoin/docker-nsjoin/pkg/ns"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

const long = `Show what a container or a local image starts, ENTRYPOINT and CMD as the engine joins
them, and check whether it can be started: whether the program exists, may be executed,
has its interpreter, loader and libraries, and is for the engine's machine. It works for
containers that run, have stopped, were never started or keep restarting. Nothing is
pulled, started or changed.

With --run the command runs in the container, beside what runs there. One that does not
run or keeps restarting stays as it is: a copy is made, as for docker nsjoin debug, and
thrown away. The options of docker exec, of copies, and --dry-run are for --run only.

With --lint each check is a line, and the exit status is 1 if the container cannot start.

A container's name comes before an image's: container:NAME and image:NAME are explicit.`

const examples = `  docker nsjoin entrypoint web
  docker nsjoin entrypoint --lint nginx:1.29
  docker nsjoin entrypoint --run -it -e DEBUG=1 web
  docker nsjoin entrypoint --format '{{join .Command " "}}' web`

// withoutEngine are the flags of all commands for an engine that is not asked. They are refused, and not shown.
var withoutEngine = []string{"no-engine", "data-root"}

// options are the values of the flags.
type options struct {
	format    string
	lint, run bool
	exec      execopts.Options
	copies    copyopts.Options
}

// usage refuses flags that do nothing together. all are those of execopts and copyopts.
func (o *options) usage(flags, all *pflag.FlagSet) (err error) {
	switch {
	case o.lint && o.run:
		return errors.New("--lint and --run cannot be used together")
	case o.run && flags.Changed("format"):
		return errors.New("--format and --run cannot be used together")
	case o.run:
		return nil
	}
	always := pflag.NewFlagSet("", pflag.ContinueOnError)
	new(enginehost.Options).AddTo(always)
	all.VisitAll(func(f *pflag.Flag) {
		if f.Changed && always.Lookup(f.Name) == nil && err == nil {
			err = fmt.Errorf("--%s requires --run", f.Name)
		}
	})
	return err
}

// New makes the command.
func New(cli *dockercli.CLI) *cobra.Command {
	var o options
	forRun := pflag.NewFlagSet("", pflag.ContinueOnError)
	o.exec.AddTo(forRun)
	o.copies.AddTo(forRun)
	cmd := &cobra.Command{
		Use:     "entrypoint [OPTIONS] CONTAINER|IMAGE",
		Short:   "Show what a container or an image starts, and whether it can",
		Long:    long,
		Example: examples,
		Args: func(cmd *cobra.Command, args []string) error {
			switch {
			case len(args) == 0:
				return dockercli.CommandUsageError(cmd, errors.New("which container or image? "+cmd.UseLine()))
			case len(args) > 1:
				return exit.Hint(fmt.Errorf("%q: one container or image only", args[1]), "%s", cmd.UseLine())
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := o.usage(cmd.Flags(), forRun); err != nil {
				return dockercli.CommandUsageError(cmd, err)
			}
			return o.execute(cmd.Context(), cli, args[0])
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&o.format, "format", "text", `Format of the output ("text"|"json"|a Go template)`)
	flags.BoolVar(&o.lint, "lint", false, "Show each check; exit with status 1 if the container cannot start")
	flags.BoolVar(&o.run, "run", false, "Run ENTRYPOINT and CMD: in the container if it runs, otherwise in a copy")
	flags.AddFlagSet(forRun) // without --format of --dry-run
	for _, name := range withoutEngine {
		_ = flags.MarkHidden(name)
	}
	completion.Args(cmd, execopts.WithServices(cli, completion.Targets(cli)))
	execopts.Complete(cmd, cli)
	copyopts.Complete(cmd)
	return cmd
}

// execute does what the flags ask for.
func (o *options) execute(ctx context.Context, cli *dockercli.CLI, typed string) error {
	for _, name := range withoutEngine {
		if o.exec.Given(name) {
			return exit.Hint(fmt.Errorf("--%s: entrypoint reads the container's files through the engine", name), "omit --%s", name)
		}
	}
	if err := o.exec.Check(cli); err != nil {
		return err
	}
	connection, err := cli.Engine()
	if err != nil {
		return err
	}
	client, err := connection.Client()
	if err != nil {
		return err
	}
	t, err := find(ctx, client, typed)
	if err != nil {
		return err
	}
	if o.run {
		return o.runIt(ctx, cli, t)
	}
	ctx, guard := interrupt.Start(ctx) // what was created is removed first
	defer guard.End()
	machine, err := target.FindMachine(ctx, client)
	if err != nil {
		return err
	}
	findings, err := check(ctx, client, connection, t, machine)
	if err != nil {
		return err
	}
	r := newReport(t, findings)
	if err := write(os.Stdout, o.format, o.lint, r); err != nil {
		return err
	}
	if o.lint && r.Verdict.Level == lint.Failure {
		return exit.CommandStatus(1)
	}
	return nil
}

// find finds what the user typed, which may also be SERVICE@PROJECT.
func find(ctx context.Context, client interface {
	target.Client
	engine.Lister
}, typed string,
) (target.Target, error) {
	if !selection.IsService(typed) {
		return target.Find(ctx, client, typed)
	}
	id, err := selection.OneOf(ctx, client, typed, selection.Here)
	if err != nil {
		return target.Target{}, err
	}
	t, err := target.Find(ctx, client, "container:"+id)
	t.Name = typed
	return t, err
}

// runIt runs the command in a running container, as docker nsjoin CONTAINER COMMAND does, or in a copy of what does not
// run.
func (o *options) runIt(ctx context.Context, cli *dockercli.CLI, t target.Target) error {
	if len(t.Command) == 0 {
		return fmt.Errorf("--run: %s %q has neither ENTRYPOINT nor CMD", t.Kind, t.Name)
	}
	o.exec.Words = cli.Words
	r := &request.Request{
		Version: request.Version, Base: request.Source{From: request.FromContainer, Name: t.Name}, Take: ns.All(),
		Command: t.Command, CallerEnv: enginehost.TerminalVariables(os.Environ()),
		NotFoundHint: "what it needs and lacks: " + o.exec.Line([]string{"entrypoint", t.Name}),
	}
	if err := o.exec.Apply(r); err != nil {
		return err
	}
	o.copies.Image = t.Kind == target.Image
	return o.exec.Run(ctx, cli, r, o.copies.Resolve)
}
