// Package debug is docker nsjoin debug: a shell with a toolbox in a container's own view.
package debug

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"

	"github.com/spf13/cobra"

	"github.com/nsjoin/docker-nsjoin/pkg/completion"
	"github.com/nsjoin/docker-nsjoin/pkg/copyopts"
	"github.com/nsjoin/docker-nsjoin/pkg/dockercli"
	"github.com/nsjoin/docker-nsjoin/pkg/enginehost"
	"github.com/nsjoin/docker-nsjoin/pkg/execopts"
	"github.com/nsjoin/docker-nsjoin/pkg/exit"
	"github.com/nsjoin/docker-nsjoin/pkg/joinopts"
	"github.com/nsjoin/docker-nsjoin/pkg/ns"
	"github.com/nsjoin/docker-nsjoin/pkg/plan"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
	"github.com/nsjoin/docker-nsjoin/pkg/toolbox"
)

const long = `Run a shell with tools in a container that may have neither: in a container made
FROM scratch, read-only, or without root. Nothing is pulled, and nothing is written
into the container.

The command has the container's files at their places, writable where they are, its
namespaces, and by default its user, capabilities, seccomp filter, cgroup and limits.
The tools are in /.nsjoin/bin, last in PATH. Only the command sees them, in mounts of
its own: what the container mounts later, and files that it makes later in / itself,
are not in them, and the command can make none in / itself, only in its directories. The
container's root can look at the tools through /proc/PID/root, but nobody can change them.

--profile adds to the container's rights:
  container  nothing; this is the default
  trace      SYS_PTRACE, to look into all of its processes (lsof, strace)
  net        NET_ADMIN and NET_RAW, for ip, ping and tcpdump
  admin      all capabilities, and no seccomp filter
strace -p, lsof, ss -p and netstat -p need trace for processes of other users, and
strace -p always where the kernel restricts tracing (Yama); tcpdump and ping need net if
the user is not root or the container lacks NET_RAW; changes with ip and route need net;
dmesg and mount need admin; all other tools need none.
With any but the first, only the tools run, with a clean environment: no path of the
container's can be executed, unless you add --trust-container. For that, links of
processes in /proc are shown but not followed: exe, root, cwd, fd/N and ns/*. If
processes of the container could take the command over, it is refused.

With --tools IMAGE, / is the image's files, read-only, and the container's files are at
/target. Everything else is the container's as before. With --root target, / is the
container's, and the image's static programs are beside the toolbox's. --tools DIR and
--tools PROGRAM send static programs of this machine along, and engine:DIR takes those
of a directory of the engine's host: at most 64 MiB and 4096 files. A path begins with
/ or a dot: ./DIR. Symbolic links in it are not followed. Dynamic programs are left out.
A busybox gets all of its names.

With --tools host, / is this machine's, which must be the engine's host, and the
container's files are at /target. The command runs as you, with the container's network,
IPC and host name only, so no process of the container sees it. A link in /target is not
followed, and no program there is executed, unless you add --trust-container: a link of
the container's leads to your files. Host programs that obey files there, such as sh,
git (which a prompt may run), make and gdb, still do. Other tools take all rights from
the container.

A paused container stays paused: the command runs beside its cgroup.

A container that does not run or keeps restarting, or an image, is debugged in a copy:
a container with the same files, user, environment and rights, whose first process only
waits. Its volumes and bind mounts are read-only unless you add --volumes rw; its ports,
devices, sockets, directories like /run, --privileged, restart policy and labels are
left out. It is in the default network, or in none if the container reaches nothing
outside of the host. The copy and all changes in it are thrown away. --dry-run prints
what it would be. With --wait, docker nsjoin waits for the container's start instead.

Without COMMAND, a shell of the toolbox runs. Its history is only in memory. Ctrl-C ends
the program that runs; Ctrl-Z stops it, until fg or bg continues it. With --tools host,
your own shell runs, and -c runs a line of sh.`

const examples = `  docker nsjoin debug web                      a shell with tools in web
  docker nsjoin debug web ps aux               one tool
  docker nsjoin debug -c 'ps aux | grep java' web
  docker nsjoin debug --profile trace web strace curl -s localhost
  docker nsjoin debug --profile net web tcpdump -i eth0
  docker nsjoin debug nginx:1.29               a shell in a container of an image
  docker nsjoin debug --tools netshoot web     the tools of an image; web's files are at /target
  docker nsjoin debug --tools ./busybox web    a static program of this machine
  docker nsjoin debug --tools host web gdb -p 1234    this machine's tools; web's files are at /target
  docker nsjoin debug --list-tools             what is in the toolbox`

// nameVariable is the variable with the name that the prompt of the toolbox's shell shows.
const nameVariable = "NSJOIN_NAME"

// options are the values of the flags.
type options struct {
	execopts.Options
	copies    copyopts.Options
	profile   request.Profile
	line      string
	listTools bool
	wait      bool
	tools     tools
	root      string
	names     joinopts.NamesFlag
	args      []string // the container or image, and the command
}

// New makes the command.
func New(cli *dockercli.CLI) *cobra.Command {
	o := options{profile: request.ProfileContainer, root: rootTools}
	o.Words = cli.Words
	cmd := &cobra.Command{
		Use:     "debug [OPTIONS] CONTAINER|IMAGE [COMMAND [ARG...]]",
		Short:   "Run a shell with tools in a container that has none",
		Long:    long,
		Example: examples,
		Args:    cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			return o.run(cmd, cli, args)
		},
	}
	cmd.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error { return flagError(cmd, cli.Name, err) })
	flags := cmd.Flags()
	o.AddTo(flags)
	flags.Var(&o.names, "names", joinopts.NamesUsage)
	flags.Var(&profileFlag{&o.profile}, "profile", `Rights beyond the container's ("container"|"trace"|"net"|"admin")`)
	flags.StringVarP(&o.line, "command", "c", "", "Run a line of the toolbox's shell, or of sh with --tools host")
	o.copies.AddTo(flags)
	flags.BoolVar(&o.wait, "wait", false, "Wait until the container starts, if it does not run")
	flags.Var(&o.tools, "tools", `Tools to have: the toolbox, a local image, or programs ("builtin"|IMAGE|DIR|PROGRAM|engine:DIR|"host")`)
	flags.Var(&copyopts.WordFlag{Value: &o.root, A: rootTools, B: rootTarget}, "root", `What is at / with the tools of an image: its files or the container's ("tools"|"target")`)
	flags.BoolVar(&o.copies.Pull, "pull", false, "Pull the image of --tools, or the image to debug, if the engine does not have it")
	flags.BoolVar(&o.listTools, "list-tools", false, "List the tools, with the modules that they come from")
	execopts.Complete(cmd, cli)
	copyopts.Complete(cmd)
	completion.Flag(cmd, "command", completion.Nothing)
	completion.Flag(cmd, "names", completion.Names(cli))
	completion.Flag(cmd, "tools", completion.Images(cli, builtin, hostWord))
	completion.Flag(cmd, "root", completion.OneOf(rootTools, rootTarget))
	completion.Flag(cmd, "profile", completion.OneOf(
		string(request.ProfileContainer), string(request.ProfileTrace), string(request.ProfileNet), string(request.ProfileAdmin)))
	completion.Args(cmd, o.complete(cli))
	return cmd
}

// complete offers containers, and then the tools of the toolbox, if the command has it.
func (o *options) complete(cli *dockercli.CLI) cobra.CompletionFunc {
	containers := execopts.WithServices(cli, completion.Targets(cli))
	return func(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
		switch len(args) {
		case 0:
			return containers(cmd, args, typed)
		case 1:
			if o.tools.kind == hostTools {
				break
			}
			return completion.Matching(toolbox.Names(runtime.GOARCH), typed)
		}
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
}

func (o *options) run(cmd *cobra.Command, cli *dockercli.CLI, args []string) error {
	if o.listTools {
		return listTools(os.Stdout)
	}
	r, err := o.request(cmd, cli, args)
	if err != nil {
		return err
	}
	return o.Run(cmd.Context(), cli, r, o.resolve)
}

// request makes a Request from the flags and arguments.
func (o *options) request(cmd *cobra.Command, cli *dockercli.CLI, args []string) (*request.Request, error) {
	switch {
	case len(args) == 0 && o.line != "":
		return nil, exit.Hint(fmt.Errorf("which container or image? -c takes %q as the line to run", o.line), "%s -c LINE CONTAINER", cmd.CommandPath())
	case len(args) == 0:
		return nil, usageError(cmd, "which container or image? "+cmd.UseLine())
	case o.tools.kind == imageTools && o.Given("helper-image"):
		return nil, usageError(cmd, "--tools IMAGE and --helper-image cannot be used together: the image of the tools is the helper's")
	case o.Given("root") && o.tools.kind != imageTools:
		return nil, usageError(cmd, "--root requires --tools IMAGE")
	case o.wait && o.Given("copy"):
		return nil, usageError(cmd, "--wait and --copy cannot be used together")
	case o.wait && len(o.copies.OnlyForCopies()) > 0:
		return nil, usageError(cmd, "--wait and --"+o.copies.OnlyForCopies()[0]+" cannot be used together: no copy is made")
	case o.Given("command") && len(args) > 1:
		return nil, usageError(cmd, "-c and a command cannot be used together")
	}
	if err := o.Check(cli); err != nil {
		return nil, err
	}
	base, err := o.base(args[0])
	if err != nil {
		return nil, usageError(cmd, err.Error())
	}
	if o.wait && o.copies.Image {
		return nil, usageError(cmd, "--wait requires a container, and "+args[0]+" is an image")
	}
	if given, why := o.conflictWithHost(); given != "" && o.tools.kind == hostTools {
		return nil, usageError(cmd, given+" and "+hostFlag+" cannot be used together: "+why)
	}
	if base.From != request.FromContainer {
		return nil, exit.Hint(errors.New("debug "+args[0]+": only a container has files to put tools beside"),
			"for a container of that name, write container:%s", args[0])
	}
	r := &request.Request{
		Version: request.Version, Base: base, Take: ns.All(), Command: args[1:],
		View:      &request.View{}, // findTools names its tools
		CallerEnv: enginehost.TerminalVariables(os.Environ()),
	}
	if err := o.Apply(r); err != nil {
		return nil, err
	}
	r.Profile, r.Paused = o.profile, true
	switch o.tools.kind {
	case imageTools:
		if o.root != rootTarget {
			r.View.Tree = "/" // of the helper's container, which is made from the image
		}
		o.SetHelperImage(o.tools.name)
	case engineTools:
		r.View.HostDir = request.Word(o.tools.name)
	case hostTools:
		o.onHost(r)
	case builtinTools, clientTools:
	}
	if r.Names, err = o.names.Of(r); err != nil {
		return nil, usageError(cmd, err.Error())
	}
	switch {
	case r.View.Host:
	case o.Given("command"):
		r.Command = []string{plan.ToolsShell, "-c", o.line}
	case len(r.Command) == 0:
		r.Command = []string{plan.ToolsShell}
		r.Env = append([]string{nameVariable + "=" + shortened(r.Base.Name)}, r.Env...)
	}
	o.args, r.NotFoundHint = args, o.notFoundHint(args)
	return r, nil
}

// shortened returns a name for the prompt: of a whole ID as much as docker ps shows.
func shortened(name string) string {
	const whole, shown = 64, 12 // digits
	id := strings.TrimPrefix(name, "sha256:")
	if len(id) != whole || strings.Trim(id, "0123456789abcdef") != "" {
		return name
	}
	return id[:shown]
}

// base parses the name of a container or image.
func (o *options) base(typed string) (request.Source, error) {
	name, image := strings.CutPrefix(typed, "image:")
	if image {
		o.copies.Image = true
		return request.Source{From: request.FromContainer, Name: name}, nil
	}
	return request.ParseBase(typed)
}

func usageError(cmd *cobra.Command, text string) error {
	return dockercli.CommandUsageError(cmd, errors.New(text))
}
