// Package mount is docker nsjoin mount and docker nsjoin umount: they mount into a running container, and undo it.
package mount

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/nsjoin/docker-nsjoin/pkg/completion"
	"github.com/nsjoin/docker-nsjoin/pkg/dockercli"
	"github.com/nsjoin/docker-nsjoin/pkg/engine"
	"github.com/nsjoin/docker-nsjoin/pkg/enginehost"
	"github.com/nsjoin/docker-nsjoin/pkg/execopts"
	"github.com/nsjoin/docker-nsjoin/pkg/exit"
	"github.com/nsjoin/docker-nsjoin/pkg/mounts"
	"github.com/nsjoin/docker-nsjoin/pkg/ns"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

const long = `Mount a directory or file of the engine's host, a volume, a tmpfs, or a directory of
another container into a running container. Its processes see it at once; nothing is
restarted, and nothing else changes. Without SOURCE:TARGET, list what is mounted.

SOURCE, TARGET and OPTIONS are those of docker run -v and --mount: a SOURCE with a slash
is a path, else a volume, which is made if there is none. OPTIONS are ro, rw, rprivate,
rslave and nocopy. Mounts beneath SOURCE come along, unless --mount has
bind-recursive=disabled. A relative path is one of this machine. Symbolic links are
followed in /, /etc, /run, /usr and /var; elsewhere a container may have made them.

TARGET must exist. --mkdir makes it, and umount removes it again if it is empty.
SOURCE must exist, too: docker run -v would make it. Many editors write a new file and
rename it: if SOURCE is a file, the container keeps the old one, so mount its directory.

The engine knows nothing of the mount: it ends with the container, also when that is
restarted, and docker inspect does not show it. With --keep the call goes on and mounts
again after each start, when the container's program has already begun. umount ends it;
Ctrl-C ends the call only, and leaves the mount until the container stops.

This gives no rights that docker run -v does not give. Unless the container has its own
user namespace, its root has the host root's rights on these files. A container with
SYS_ADMIN can make a read-only mount writable.`

const examples = `  docker nsjoin mount web ./src:/app/src              try out code in a running container
  docker nsjoin mount db ./fixed.cnf:/etc/mysql/conf.d/fixed.cnf:ro --mkdir
  docker nsjoin mount app /opt/profiler:/profiler:ro --mkdir
  docker nsjoin mount web cache:/var/cache            a volume
  docker nsjoin mount --keep -d web ./src:/app/src    again after each start of web
  docker nsjoin mount --type tmpfs web /scratch:size=64m --mkdir
  docker nsjoin mount --mount type=bind,src=/etc/ssl,dst=/etc/ssl,readonly web
  docker nsjoin mount --from db web /var/lib/data:/mnt:ro
  docker nsjoin mount web                             what is mounted, when and by whom
  docker nsjoin umount web /app/src`

// options are the values of the flags.
type options struct {
	host   enginehost.Options
	dryRun bool
	format string

	kind  request.MountType
	from  string
	long  string
	mkdir bool
	ids   bool
	force bool

	keep       bool
	background bool

	lazy bool // of umount

	keeper *keeper        // nil without --keep
	socket string         // of the engine; "" if it is no path
	done   *mounts.Record // what was mounted or unmounted last
}

// New makes docker nsjoin mount.
func New(cli *dockercli.CLI) *cobra.Command {
	var o options
	cmd := &cobra.Command{
		Use:     "mount [OPTIONS] CONTAINER [SOURCE:TARGET[:OPTIONS]]",
		Short:   "Mount into a running container, or list what is mounted",
		Long:    long,
		Example: examples,
		Args:    atMost(2), //nolint:mnd // container, mount
		RunE: func(cmd *cobra.Command, args []string) error {
			return o.mount(cmd, cli, args)
		},
	}
	flags := cmd.Flags()
	o.addTo(cmd)
	flags.Var(&typeFlag{&o.kind}, "type", `Type of the mount ("bind"|"volume"|"tmpfs"; by default as SOURCE says)`)
	flags.StringVar(&o.long, "mount", "", "The mount in the long form of docker run")
	flags.StringVar(&o.from, "from", "", "Container that holds SOURCE")
	flags.BoolVar(&o.mkdir, "mkdir", false, "Make TARGET if it does not exist")
	flags.BoolVar(&o.ids, "idmap", false, "Show the owner of SOURCE as the root of a container with its own user namespace")
	flags.BoolVar(&o.force, "force", false, "Mount even if the container gets more rights than by docker run: see the error")
	flags.BoolVar(&o.keep, "keep", false, "Stay, and mount again after each start of the container")
	flags.BoolVarP(&o.background, "detach", "d", false, "With --keep: stay in the background")
	completion.Args(cmd, complete(cli))
	completion.Flag(cmd, "type", completion.OneOf("bind", "volume", "tmpfs"))
	completion.Flag(cmd, "from", execopts.WithServices(cli, completion.Containers(cli)))
	completion.Flag(cmd, "mount", completion.Nothing)
	return cmd
}

func (o *options) addTo(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.BoolVar(&o.dryRun, "dry-run", false, "Print what would be done; do nothing")
	flags.StringVar(&o.format, "format", "text", `Format of the list ("text"|"json"|a Go template) or of --dry-run ("text"|"json")`)
	o.host.AddTo(flags)
	completion.Flag(cmd, "format", completion.OneOf("text", "json"))
	completion.Flag(cmd, "via", completion.Via)
}

// complete offers containers.
func complete(cli *dockercli.CLI) cobra.CompletionFunc {
	containers := execopts.WithServices(cli, completion.Containers(cli))
	return func(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
		if len(args) == 0 {
			return containers(cmd, args, typed)
		}
		return nil, cobra.ShellCompDirectiveDefault
	}
}

// atMost checks the number of arguments.
func atMost(most int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) == 0:
			return dockercli.CommandUsageError(cmd, errors.New("which container? "+cmd.UseLine()))
		case len(args) > most:
			return exit.Hint(fmt.Errorf("%q: too many arguments", args[most]), "%s", cmd.UseLine())
		}
		return nil
	}
}

// mount mounts, or lists.
func (o *options) mount(cmd *cobra.Command, cli *dockercli.CLI, args []string) error {
	var q *request.Mount
	var err error
	switch {
	case o.background && !o.keep:
		err = errors.New("--detach requires --keep")
	case o.keep && o.dryRun:
		err = errors.New("--keep and --dry-run cannot be used together")
	case o.keep && o.host.NoEngine():
		err = errors.New("--keep and --no-engine cannot be used together: the engine says when the container starts")
	case len(args) == 2 && o.long != "": //nolint:mnd // container, mount
		err = errors.New("--mount and SOURCE:TARGET cannot be used together")
	case o.long != "" && (o.kind != "" || o.from != ""):
		err = errors.New("--mount cannot be used with --type or --from")
	case o.from != "" && o.kind != "" && o.kind != request.MountBind:
		err = errors.New("--from: SOURCE is a path, so its type is bind")
	case o.long != "":
		q, err = parseLong(o.long)
	case len(args) == 2: //nolint:mnd // container, mount
		q, err = parseShort(args[1], o.kind, o.from != "")
	case o.kind != "" || o.from != "" || o.mkdir || o.ids || o.dryRun || o.keep:
		err = errors.New("what is to be mounted? " + cmd.UseLine())
	default:
		q = &request.Mount{Action: request.MountList}
	}
	if err != nil {
		return dockercli.CommandUsageError(cmd, err)
	}
	q.Mkdir, q.MapIDs, q.Force, q.By = o.mkdir, o.ids, o.force, by(enginehost.Caller())
	if q.Type == request.MountTmpfs && o.ids {
		return dockercli.CommandUsageError(cmd, errors.New("--idmap: a tmpfs has the container's IDs already"))
	}
	if o.from != "" {
		from, err := request.ParseBase(o.from)
		if err != nil || from.From != request.FromContainer {
			return dockercli.CommandUsageError(cmd, fmt.Errorf("--from %s: it must be a container", o.from))
		}
		q.From = &from
		if !strings.HasPrefix(string(q.Source), "/") {
			return dockercli.CommandUsageError(cmd, fmt.Errorf("%q: the path in %s must be absolute", q.Source, o.from))
		}
	}
	if o.keep {
		return o.stay(cmd.Context(), cli, args[0], q)
	}
	return o.run(cmd.Context(), cli, args[0], q)
}

// run asks a helper on the engine's host to do what q says.
func (o *options) run(ctx context.Context, cli *dockercli.CLI, name string, q *request.Mount) error {
	if err := o.checkFormat(q); err != nil {
		return err
	}
	base, err := request.ParseBase(name)
	if err != nil {
		return dockercli.UsageError(err)
	}
	if base.From != request.FromContainer {
		return fmt.Errorf("mount in %s: only a container can be mounted into", name)
	}
	host, err := enginehost.Open(cli, o.host)
	if err != nil {
		return err
	}
	defer host.Close()
	host.Stderr = o.errs()
	r := &request.Request{Version: request.Version, Base: base, Take: ns.SetOf(ns.Mnt), Mount: q}
	if o.dryRun {
		r.DryRun = request.Output(o.format)
	}
	o.socket, _ = cli.Socket()
	if r.Audit, err = execopts.AuditOf(cli); err != nil {
		return err
	}
	answered := host.WarnIfSilent(string(q.Action))
	answers, err := execopts.Named{Host: host}.Resolve(ctx, r)
	answered()
	switch {
	case err != nil:
		return o.withoutContainer(ctx, host.Connection.Register(), r, err, func(held []*keeping) (bool, error) {
			return o.detachStarted(ctx, host, r, held)
		})
	case o.keeper != nil:
		stop, err := o.keeper.begin(host.Connection.Register(), r)
		if err != nil {
			return err
		}
		defer stop()
		defer o.keeper.releaseVolume()
		if _, err := o.keeper.mount(ctx, o, func() error { return o.carryOut(ctx, host, r, answers) }); err != nil {
			return err
		}
		return o.keeper.keep(ctx, o, host, r, answers)
	case q.Action == request.MountDetach && !o.dryRun:
		return o.detach(ctx, host, r, answers)
	}
	return o.carryOut(ctx, host, r, answers)
}

// carryOut has the helper do what r asks for, and prints the result.
func (o *options) carryOut(ctx context.Context, host *enginehost.Host, r *request.Request, answers engine.Answers) error {
	if err := locate(host, r); err != nil {
		return err
	}
	if r.Mount.Type == request.MountVolume {
		return o.mountVolume(ctx, host, r, answers)
	}
	return o.ask(ctx, host, r, answers)
}

// answer has the helper carry r out.
func answer(ctx context.Context, host *enginehost.Host, r *request.Request, answers engine.Answers) (*mounts.Answer, error) {
	out, _, err := host.Ask(ctx, r, engine.NewSpec(r, answers), nil)
	if err != nil {
		return nil, err
	}
	var answer mounts.Answer
	if err := json.Unmarshal(out, &answer); err != nil {
		return nil, fmt.Errorf("read the helper's answer: %w", err)
	}
	return &answer, nil
}

// ask has the helper carry r out, and prints the result.
func (o *options) ask(ctx context.Context, host *enginehost.Host, r *request.Request, answers engine.Answers) error {
	answer, err := answer(ctx, host, r, answers)
	if err != nil {
		return err
	}
	return o.print(host, r, answers, answer)
}
