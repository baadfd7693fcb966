// Package each is docker nsjoin each: it runs one command in many containers, also of several engines.
package each

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/nsjoin/docker-nsjoin/pkg/dockercli"
	"github.com/nsjoin/docker-nsjoin/pkg/engine/selection"
	"github.com/nsjoin/docker-nsjoin/pkg/exit"
	"github.com/nsjoin/docker-nsjoin/pkg/joinopts"
	"github.com/nsjoin/docker-nsjoin/pkg/nodes"
)

// options are the values of the flags.
type options struct {
	joinopts.Options

	query    selection.Query
	all      bool
	contexts []string
	nodes    nodes.Options

	swarmService string
	allowNone    bool
	ignoreStops  bool

	noPrefix, group, quiet bool

	parallel     int
	timeout      time.Duration
	inputTimeout time.Duration
	failFast     bool
	retry        int
}

// New makes the command.
func New(cli *dockercli.CLI) *cobra.Command {
	o := options{}
	o.Words, o.FormatRuns = cli.Words, true
	cmd := &cobra.Command{
		Use:     "each [OPTIONS] [CONTAINER...] -- COMMAND [ARG...]",
		Short:   "Run one command in many containers",
		Long:    long,
		Example: examples,
		Args:    cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			return o.run(cmd.Context(), cli, args, cmd.ArgsLenAtDash())
		},
	}
	cmd.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		if !slices.Contains(os.Args, "--") {
			return exit.Hint(err, "the command comes after --: %s each CONTAINER... -- COMMAND", cli.Name)
		}
		return dockercli.CommandUsageError(cmd, err)
	})
	o.addTo(cmd)
	complete(cmd, cli)
	return cmd
}

func (o *options) addTo(cmd *cobra.Command) {
	flags := cmd.Flags()
	o.AddTo(flags)
	flags.SetInterspersed(true)                                        // the command comes after --
	for _, refused := range []string{"tty", "no-tty", "detach-keys"} { // no command has a terminal
		_ = flags.MarkHidden(refused)
	}
	flags.Lookup("format").Usage = `"text", or "json" for one object a line`
	flags.BoolVarP(&o.all, "all", "a", false, "All running containers")
	flags.VarP(&o.query.Filters, "filter", "f", "Containers that match filters of docker ps")
	flags.StringVarP(&o.query.Project, "project", "p", "", `Containers of a Compose project ("." for this directory's)`)
	flags.StringVar(&o.query.Service, "service", "", "Containers of a service of the project, by default this directory's")
	flags.StringSliceVar(&o.contexts, "context", nil, "Docker contexts of several engines, separated by commas")
	flags.StringVar(&o.swarmService, "swarm-service", "", "All running tasks of a Swarm service, on their nodes")
	o.nodes.AddTo(flags)
	flags.BoolVar(&o.allowNone, "allow-none", false, "Succeed if no container is found")
	flags.BoolVar(&o.ignoreStops, "ignore-stopped", false, "A container that stops meanwhile is no failure")
	flags.BoolVar(&o.noPrefix, "no-prefix", false, "Do not print the container's name in front of each line")
	flags.BoolVar(&o.group, "group", false, "Print the output of one container after that of another")
	flags.BoolVarP(&o.quiet, "quiet", "q", false, "Print only what the commands print: no progress, no summary")
	flags.IntVar(&o.parallel, "parallel", 0, "How many commands run at the same time (default: as many as the engines bear)")
	flags.DurationVar(&o.timeout, "timeout", 0, "How long each command may take, then SIGTERM, and SIGKILL ten seconds later")
	flags.DurationVar(&o.inputTimeout, "input-timeout", 0, "With -i, how long a command may take to read on while others wait for it")
	flags.BoolVar(&o.failFast, "fail-fast", false, "End all commands when one has failed")
	flags.IntVar(&o.retry, "retry", 0, "How often a command that has failed is run again")
}

// run runs the command. dash is how many args came before --, or -1.
func (o *options) run(ctx context.Context, cli *dockercli.CLI, args []string, dash int) error {
	command, err := o.parse(cli, args, dash)
	if err != nil {
		return err
	}
	o.query.Here = selection.Here
	c, err := o.newCall(cli, command)
	if err != nil {
		return err
	}
	defer c.close()
	// What is asked before the commands run is ended by a signal as every program is.
	if err := c.find(ctx); err != nil {
		return err
	}
	return c.run(ctx)
}

// parse checks the command line and returns the command.
func (o *options) parse(cli *dockercli.CLI, args []string, dash int) (command []string, err error) {
	if err := o.Check(cli); err != nil {
		return nil, err
	}
	if err := o.checkEmpty(); err != nil {
		return nil, o.usageError(err)
	}
	usage := func(text string) error { return o.usageError(errors.New(text)) }
	if dash < 0 {
		return nil, usage("which command? It comes after --: " + o.Words.Name.String() + " each CONTAINER... -- COMMAND")
	}
	o.query.Names, command = args[:dash], args[dash:]
	isEmpty := func(name string) bool { return strings.TrimPrefix(strings.TrimPrefix(name, "container:"), "/") == "" }
	switch {
	case slices.ContainsFunc(o.query.Names, isEmpty):
		return nil, usage("a container's name is empty")
	case len(command) == 0:
		return nil, usage("which command? There is none after --")
	case o.Given("tty") && o.Flag("tty") == "true":
		return nil, usage("a terminal cannot be shared by several commands: omit -t")
	case o.swarmService != "" && (o.all || !o.query.Empty() || o.Host.NoEngine()):
		return nil, usage("--swarm-service cannot be used together with names, --all, --filter, --project, --service or --no-engine")
	case o.query.Empty() && !o.all && o.swarmService == "":
		return nil, exit.Hint(errors.New("which containers?"), "name them, or choose them with --filter, --project, --service or --swarm-service; --all means all")
	case o.all && !o.query.Empty():
		return nil, usage("--all cannot be used together with names, --filter, --project or --service")
	case o.parallel < 0 || o.retry < 0 || o.timeout < 0 || o.inputTimeout < 0:
		return nil, usage("--parallel, --retry, --timeout and --input-timeout cannot be negative")
	case len(o.contexts) > 0 && o.swarmService == "" && cli.HostGiven():
		return nil, usage("--host cannot be used together with --context")
	case o.Host.NoEngine() && (len(o.contexts) > 0 || len(o.query.Filters) > 0):
		return nil, usage("--no-engine cannot be used together with --context or --filter")
	}
	return command, nil
}

// checkEmpty refuses options that are given and empty, such as those of a variable that is not set: without them others
// would be chosen.
func (o *options) checkEmpty() error {
	for _, f := range []struct {
		flag  string
		empty bool
	}{
		{"project", o.query.Project == ""},
		{"service", o.query.Service == ""},
		{"swarm-service", o.swarmService == ""},
		{"context", len(o.contexts) == 0 || slices.Contains(o.contexts, "")},
	} {
		if f.empty && o.Given(f.flag) {
			return fmt.Errorf("--%s is empty", f.flag)
		}
	}
	return nil
}

func (o *options) usageError(err error) error {
	return exit.Hint(err, "docker nsjoin each --help shows the options")
}
