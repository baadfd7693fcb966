package main

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"

	"github.com/docker/cli/opts"
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

A single kind of namespace comes from elsewhere by --net SOURCE and its sisters:
  container:NAME  that of a container
  host            the caller's own
  pid:N           that of a process
  ns:PATH         that of a file, such as /run/netns/blue
  private         a new one; mounts, host name and clocks begin as copies

A command that runs in the container's file system is what docker exec would
have made: its user, environment, limits, cgroup and filters. Its standard input
is passed on with -i. At a terminal, -it is implied: where standard input and
output are your terminal and you are in its foreground. -T turns that off.

A command that runs in the host's file system is the caller, unchanged: it inherits
your standard streams and descriptors. By --via engine it needs -i for the input.
In another pid namespace it has a /proc of that, for ps and others, in a copy of the
host's mounts: what is mounted there stays there. --mnt host turns that off.

Who isn't root on the engine's host, or is on another one, gets there by a
short-lived container of the engine (--via engine), which is removed. The host is
the engine's then: its file system, as root, with a clean environment.

The exit status is the command's own; 128 and more for a signal; 127 when it was
not found, 126 when it can't be run, 125 when docker nsjoin failed.`

const examples = `  docker nsjoin web                            a shell in web
  docker nsjoin web ls -l /                    a command in web
  docker nsjoin --only net web ip addr         the host's ip, web's network
  docker nsjoin --except mnt web gdb -p 1      the host's gdb, web's processes
  docker nsjoin --except net web wget …        web, but with the host's network
  docker nsjoin --net container:web app sh     app, but with web's network
  docker nsjoin --net host app ip addr         app, but with the host's network
  docker nsjoin --net container:web -- tcpdump the host, but with web's network
  docker nsjoin --dry-run web                  say what would be done, and stop`

// options are what the flags were set to.
type options struct {
	only, except kindsFlag
	sources      [8]sourceFlag // by kind
	via          launch.Via
	why          string // the way was chosen; "" for launch.Choose to say
	noEngine     noEngine
	helperImage  string
	dryRun       bool
	format       request.Output
	tty, noTTY   bool
	trust        bool
	flags        *pflag.FlagSet
	detachKeys   keysFlag
	exec         request.Exec
	env, envFile opts.ListOpts
}

func newCommand(cli *dockerCLI) *cobra.Command {
	o := options{
		via: launch.Auto, format: request.OutputText,
		env: opts.NewListOpts(opts.ValidateEnv), envFile: opts.NewListOpts(nil),
	}
	cmd := &cobra.Command{
		Use:     "nsjoin [OPTIONS] CONTAINER [COMMAND [ARG...]]",
		Short:   short,
		Long:    long,
		Example: examples,
		Version: version,
		// Without one, cobra takes a container's name for a command's.
		Args:                  cobra.ArbitraryArgs,
		DisableFlagsInUseLine: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			config, err := cli.Config()
			if err != nil {
				return err
			}
			if err := o.detachKeys.setDefault(config.DetachKeys); err != nil {
				return err
			}
			if err := o.noEngine.check(&o.via); err != nil {
				return err
			}
			r, err := o.request(args, cmd.ArgsLenAtDash() == 0)
			if err != nil {
				return err
			}
			connection, err := cli.Engine()
			if err != nil {
				return err
			}
			if r.Audit, err = cli.askAudit(); err != nil {
				return err
			}
			var program *launch.Program
			if o.via != launch.Engine {
				program = launch.Prepare() // for nothing, where that turns out to be the way
			}
			answers, err := o.resolve(cmd.Context(), cli, connection, r)
			if err != nil {
				return o.meantBase(cmd.Context(), connection, r, args, err)
			}
			return o.launch(cmd.Context(), cli, connection, program, r, answers)
		},
	}
	cmd.SetVersionTemplate("docker nsjoin version {{.Version}}\n")
	cmd.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return flagError(cmd.CommandPath(), err)
	})
	o.addTo(cmd.Flags())
	completeWith(cmd, cli)
	addBeneath(cmd, cli, os.Args)
	return cmd
}

// resolve asks the engine for the containers of r, or its files.
func (o *options) resolve(ctx context.Context, cli *dockerCLI, connection *engine.Connection, r *request.Request) (engine.Answers, error) {
	if !o.noEngine.wanted {
		defer cli.tellSilence("docker nsjoin")()
		return engine.Resolve(ctx, connection, r)
	}
	root, err := o.noEngine.open(cli)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	o.why = o.noEngine.why(root)
	return engine.Resolve(ctx, o.noEngine.offline(root, connection), r)
}

// beneath are the commands of docker nsjoin. Their names are that only as its first
// word: everywhere else they may be a container's or the command's.
func beneath(cli *dockerCLI) []*cobra.Command {
	return []*cobra.Command{newLsCommand(cli), newInspectCommand(cli)}
}

// addBeneath adds the command that args, which the plugin was started with, names.
// With the others cobra would look for them in any place. For help it adds all.
func addBeneath(cmd *cobra.Command, cli *dockerCLI, args []string) {
	first := "--help"
	if i := slices.Index(args, cmd.Name()); i >= 0 && i+1 < len(args) {
		first = args[i+1]
	}
	for _, sub := range beneath(cli) {
		if first == sub.Name() || first == "--help" || first == "-h" {
			sub.DisableFlagsInUseLine = true
			cmd.AddCommand(sub)
		}
	}
}

// given tells whether a flag was given, whatever its value.
func (o *options) given(flag string) bool { return o.flags != nil && o.flags.Changed(flag) }

func (o *options) addTo(flags *pflag.FlagSet) {
	o.flags = flags
	flags.SetInterspersed(false) // what follows CONTAINER is the command's
	flags.Var(&o.only, "only", "Join only these kinds, separated by commas: "+ns.All().String())
	flags.Var(&o.except, "except", "Join all kinds but these")
	for _, f := range kindFlags {
		flags.Var(&o.sources[f.kind], f.name, f.usage)
	}
	flags.Var(&o.sources[ns.Net], "network", "")
	_ = flags.MarkHidden("network") // another spelling, as in docker run
	flags.BoolVar(&o.trust, "trust-container", false, "Run a command that the container's processes could take over")
	flags.Var(&viaFlag{&o.via}, "via", `How to get to the engine's host ("auto"|"local"|"engine")`)
	o.noEngine.addTo(flags)
	flags.StringVar(&o.helperImage, "helper-image", "", "Image that the container of --via engine is made from (never pulled)")
	flags.BoolVar(&o.dryRun, "dry-run", false, "Print what would be done and run nothing")
	flags.Var(&formatFlag{&o.format}, "format", `Form of what --dry-run prints ("text"|"json")`)
	flags.VarP(&o.env, "env", "e", "Set environment variables")
	flags.Var(&o.envFile, "env-file", "Read in a file of environment variables")
	flags.StringVarP(&o.exec.User, "user", "u", "", `Username or UID ("<name|uid>[:<group|gid>]")`)
	flags.StringVarP((*string)(&o.exec.Dir), "workdir", "w", "", "Working directory inside the container")
	flags.BoolVar(&o.exec.Privileged, "privileged", false, "Give all capabilities (seccomp filter and label stay, as with docker exec)")
	flags.BoolVarP(&o.exec.Detach, "detach", "d", false, "Run the command in the background")
	flags.Var(&o.detachKeys, "detach-keys", `Keys that leave the command running ("" for none)`)
	flags.BoolVarP(&o.exec.Interactive, "interactive", "i", false, "Pass standard input on")
	flags.BoolVarP(&o.tty, "tty", "t", false, "Allocate a pseudo-TTY (-it is implied at a terminal)")
	flags.BoolVarP(&o.noTTY, "no-tty", "T", false, "Do not imply -it at a terminal")
	flags.Bool("version", false, "Print the version and stop") // cobra's own has -v
}

// kindFlags are the flags that take one kind from elsewhere, spelled as docker
// run spells them.
var kindFlags = []kindFlag{
	{ns.Cgroup, "cgroupns", "Cgroup namespace to use"},
	{ns.IPC, "ipc", "IPC namespace to use (of any container: none has to be shareable)"},
	{ns.Mnt, "mnt", "Mount namespace to use, which decides who the command is"},
	{ns.Net, "net", "Network namespace to use"},
	{ns.PID, "pid", "PID namespace to use"},
	{ns.Time, "time", "Time namespace to use"},
	{ns.User, "userns", "User namespace to use"},
	{ns.UTS, "uts", "UTS namespace to use"},
}

// request makes a Request of the flags and arguments. noBase says that they
// began with --.
func (o *options) request(args []string, noBase bool) (*request.Request, error) {
	r := &request.Request{
		Version: request.Version,
		Base:    request.Host(),
		Command: args,
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
	r.Exec, r.TrustContainer = o.exec, o.trust
	if r.Env, err = opts.ReadKVEnvStrings(o.envFile.GetSlice(), o.env.GetSlice()); err != nil {
		return nil, err
	}
	if r.Take, err = o.kinds(); err != nil {
		return nil, usage(err)
	}
	r.Overrides = make(map[ns.Kind]request.Source)
	for _, k := range ns.Kinds() {
		if f := o.sources[k]; f.given {
			r.Overrides[k] = f.source
		}
	}
	r.CallerEnv, r.NotFoundHint = callerEnv(r), o.meantCommand(args, noBase)
	if r.Terminal, err = o.terminal(); err != nil {
		return nil, err
	}
	r.DetachKeys = o.detachKeys.keys
	if o.given("format") && !o.dryRun {
		return nil, usage(errors.New("--format is the form of what --dry-run prints, which is not given"))
	}
	if o.dryRun {
		r.DryRun = o.format
	}
	return r, nil
}

// callerEnv is what of the caller's environment the command may need. In a
// container's file system that is what he has for a terminal. The rest isn't passed
// on: a container's root who may trace can read the memory of the process that
// becomes the command, and in the environment are secrets.
func callerEnv(r *request.Request) []string {
	if r.Source(ns.Mnt).From != request.FromContainer {
		return os.Environ()
	}
	return terminalVariables(os.Environ())
}

// kinds are those that the base gives.
func (o *options) kinds() (ns.Set, error) {
	switch {
	case o.only.given && o.except.given:
		return 0, errors.New("--only and --except say the same thing in two ways: use one")
	case o.only.given:
		return o.only.set, nil
	}
	return ns.All().Without(o.except.set), nil
}

// terminal decides whether the command gets a terminal. At the caller's, -it is implied only
// where neither of them is given.
func (o *options) terminal() (request.Terminal, error) {
	switch {
	case o.tty && o.noTTY:
		return "", usage(errors.New("--tty and --no-tty exclude each other"))
	case o.tty:
		return request.TerminalAlways, nil
	case o.noTTY, o.given("tty"), o.given("interactive"):
		return request.TerminalNever, nil
	}
	return request.TerminalAuto, nil
}

// usage adds to an error about the command line where to read on.
func usage(err error) error {
	return exit.Hint(errors.New(strings.TrimSpace(err.Error())), "docker nsjoin --help shows the options")
}
