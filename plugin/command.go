package main

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/docker/cli/cli-plugins/plugin"
	"github.com/docker/cli/cli/command"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/nsjoin/docker-nsjoin/pkg/engine"
	"github.com/nsjoin/docker-nsjoin/pkg/exit"
	"github.com/nsjoin/docker-nsjoin/pkg/launch"
	"github.com/nsjoin/docker-nsjoin/pkg/ns"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

const short = "Run a command in the namespaces of a container"

const long = `Run a command in the namespaces of a container: all of them, as docker exec
does, or just some, as nsenter and docker run --net container:NAME do.

CONTAINER is a name, an ID or the beginning of one; "pid:N" is a process of the
engine's host, "host" the host itself. With "--" in front there is none, which
is the host too. Options end at CONTAINER: what follows is the command's. With
no COMMAND, it is the user's login shell.

A command that runs in the container's file system is what docker exec would
have made: its user, environment, limits, cgroup and filters. One that runs in
the host's is the caller, unchanged. Standard input is always passed on, and a
terminal is used when standard input and output are one.

The exit status is the command's own; 128 and more for a signal; 127 when it was
not found, 126 when it can't be run, 125 when docker nsjoin failed.`

const examples = `  docker nsjoin web                            a shell in web
  docker nsjoin web ls -l /                    a command in web
  docker nsjoin --only net web ip addr         the host's ip, web's network
  docker nsjoin --except net web wget …        web, but with the host's network
  docker nsjoin --net container:web app sh     app, but with web's network
  docker nsjoin --net host app ip addr         app, but with the host's network
  docker nsjoin --net container:web -- tcpdump the host, but with web's network
  docker nsjoin --dry-run web                  say what would be done, and stop`

// options are what the flags were set to.
type options struct {
	only, except string
	net          string
	via          string
	dryRun       bool
	format       string
	interactive  bool
	tty, noTTY   bool
}

func newCommand(dockerCLI command.Cli) *cobra.Command {
	var o options
	cmd := &cobra.Command{
		Use:     "nsjoin [OPTIONS] CONTAINER [COMMAND [ARG...]]",
		Short:   short,
		Long:    long,
		Example: examples,
		Version: version,
		// Without one, cobra takes a container's name for a command's.
		Args:              cobra.ArbitraryArgs,
		PersistentPreRunE: plugin.PersistentPreRunE,
		RunE: func(cmd *cobra.Command, args []string) error {
			r, err := o.request(args, cmd.ArgsLenAtDash() == 0)
			if err != nil {
				return err
			}
			if err := engine.Resolve(cmd.Context(), dockerCLI.Client(), r); err != nil {
				return err
			}
			return launch.Launch(r, connectCLI())
		},
	}
	cmd.SetVersionTemplate("docker nsjoin version {{.Version}}\n")
	cmd.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usage(err) })
	cmd.PersistentPreRunE = func(cmd *cobra.Command, args []string) error {
		return plugin.PersistentPreRunE(cmd, args)
	}
	o.addTo(cmd.Flags())
	return cmd
}

func (o *options) addTo(flags *pflag.FlagSet) {
	flags.SetInterspersed(false) // what follows CONTAINER is the command's
	flags.StringVar(&o.only, "only", "", "Join only these kinds, separated by commas: "+ns.All().String())
	flags.StringVar(&o.except, "except", "", "Join all kinds but these")
	flags.StringVar(&o.net, "net", "", `Take the network from elsewhere ("container:NAME"|"host")`)
	flags.StringVar(&o.net, "network", "", "")
	_ = flags.MarkHidden("network") // another spelling, as in docker run
	flags.StringVar(&o.via, "via", "auto", `How to get to the engine's host ("auto"|"local"|"engine")`)
	flags.BoolVar(&o.dryRun, "dry-run", false, "Print what would be done and run nothing")
	flags.StringVar(&o.format, "format", "text", `Form of what --dry-run prints ("text"|"json")`)
	flags.BoolVarP(&o.interactive, "interactive", "i", false, "Pass standard input on (always done)")
	flags.BoolVarP(&o.tty, "tty", "t", false, "Use a terminal (done where standard input and output are one)")
	flags.BoolVarP(&o.noTTY, "no-tty", "T", false, "Use no terminal")
}

// request makes a Request of the flags and arguments. noBase says that they
// began with --.
func (o *options) request(args []string, noBase bool) (*request.Request, error) {
	r := &request.Request{
		Version:   request.Version,
		Base:      request.Host(),
		Command:   args,
		CallerEnv: os.Environ(),
	}
	if !noBase {
		if len(args) == 0 {
			return nil, usage(errors.New("which container? docker nsjoin [OPTIONS] CONTAINER [COMMAND [ARG...]]"))
		}
		base, err := request.ParseBase(args[0])
		if err != nil {
			return nil, usage(err)
		}
		r.Base, r.Command = base, args[1:]
	}
	var err error
	if r.Take, err = o.kinds(); err != nil {
		return nil, usage(err)
	}
	if o.net != "" {
		source, err := request.ParseSource(o.net)
		if err != nil {
			return nil, usage(fmt.Errorf("--net: %w", err))
		}
		r.Instead = map[ns.Kind]request.Source{ns.Net: source}
	}
	if _, err := launch.ParseVia(o.via); err != nil {
		return nil, err
	}
	if r.Terminal, err = o.terminal(); err != nil {
		return nil, err
	}
	r.DryRun, err = o.output()
	return r, err
}

// kinds are those that the base gives.
func (o *options) kinds() (ns.Set, error) {
	take := ns.All()
	if o.only != "" && o.except != "" {
		return 0, errors.New("--only and --except say the same thing in two ways: use one")
	}
	if o.only != "" {
		only, err := ns.ParseSet(o.only)
		if err != nil {
			return 0, fmt.Errorf("--only: %w", err)
		}
		take = only
	}
	if o.except != "" {
		except, err := ns.ParseSet(o.except)
		if err != nil {
			return 0, fmt.Errorf("--except: %w", err)
		}
		take = take.Without(except)
	}
	return take, nil
}

func (o *options) terminal() (request.Terminal, error) {
	if o.tty && o.noTTY {
		return "", usage(errors.New("--tty and --no-tty exclude each other"))
	}
	if o.noTTY {
		return request.TerminalNever, nil
	}
	return request.TerminalAuto, nil
}

func (o *options) output() (request.Output, error) {
	if !o.dryRun {
		return request.OutputNone, nil
	}
	switch form := request.Output(o.format); form {
	case request.OutputText, request.OutputJSON:
		return form, nil
	case request.OutputNone:
	}
	return "", usage(fmt.Errorf("--format %q: one of text, json", o.format))
}

// usage adds to an error about the command line where to read on.
func usage(err error) error {
	return exit.Hint(errors.New(strings.TrimSpace(err.Error())), "docker nsjoin --help shows the options")
}
