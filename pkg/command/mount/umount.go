package mount

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"github.com/nsjoin/docker-nsjoin/pkg/completion"
	"github.com/nsjoin/docker-nsjoin/pkg/dockercli"
	"github.com/nsjoin/docker-nsjoin/pkg/engine"
	"github.com/nsjoin/docker-nsjoin/pkg/enginehost"
	"github.com/nsjoin/docker-nsjoin/pkg/execopts"
	"github.com/nsjoin/docker-nsjoin/pkg/mounts"
	"github.com/nsjoin/docker-nsjoin/pkg/printable"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

// NewUmount makes docker nsjoin umount.
func NewUmount(cli *dockercli.CLI) *cobra.Command {
	var o options
	cmd := &cobra.Command{
		Use:   "umount [OPTIONS] CONTAINER TARGET",
		Short: "Undo docker nsjoin mount",
		Long: `Unmount what docker nsjoin mount has mounted in a container. Mounts of the container's
own, and those of docker run, are left alone. One that processes use is refused, with
their names; --lazy detaches it: they keep what they have open.

It ends the call with --keep, too, also one of a container that does not run.`,
		Example: `  docker nsjoin umount web /app/src
  docker nsjoin umount --lazy web /scratch`,
		Args: atMost(2), //nolint:mnd // container, target
		RunE: func(cmd *cobra.Command, args []string) error {
			return o.umount(cmd, cli, args)
		},
	}
	o.addTo(cmd)
	cmd.Flags().Lookup("format").Usage = `Output format of --dry-run ("text"|"json")`
	cmd.Flags().BoolVarP(&o.lazy, "lazy", "l", false, "Detach the mount even if processes use it")
	completion.Args(cmd, complete(cli))
	return cmd
}

// umount unmounts.
func (o *options) umount(cmd *cobra.Command, cli *dockercli.CLI, args []string) error {
	if len(args) < 2 { //nolint:mnd // container, target
		return dockercli.CommandUsageError(cmd, errors.New("which mount? "+cmd.UseLine()))
	}
	q := &request.Mount{Action: request.MountDetach, Lazy: o.lazy, By: by(enginehost.Caller())}
	if err := setTarget(q, args[1]); err != nil {
		return dockercli.CommandUsageError(cmd, err)
	}
	return o.run(cmd.Context(), cli, args[0], q)
}

// withoutContainer does what can be done if err says that the container does not run: a call with --keep may wait for its
// next start. After any other error it may run, and have the mount. A call ends by itself if its container is removed.
// detach unmounts if the container was started since: what the held calls have mounted then is there.
func (o *options) withoutContainer(
	ctx context.Context, register engine.Register, r *request.Request, err error, detach func([]*keeping) (started bool, err error),
) error {
	stopped, ok := errors.AsType[*engine.NotRunningError](err)
	if !ok || stopped.Name != r.Base.Name || ctx.Err() != nil {
		return err
	}
	switch r.Mount.Action {
	case request.MountList:
		if waiting := keepers(register, stopped.ID); len(waiting) > 0 {
			return o.list(os.Stdout, nil, waiting, nil, r.Base.Name)
		}
	case request.MountDetach:
		if o.dryRun {
			return err
		}
		held := hold(register, stopped.ID, answerWithin)
		defer release(held)
		if len(held) == 0 {
			return err
		}
		if started, err := detach(held); started {
			return err
		}
		return o.forget(held, r, nil, err)
	case request.MountAttach:
	}
	return err
}

// detachStarted unmounts in a container that did not run before.
func (o *options) detachStarted(ctx context.Context, host *enginehost.Host, r *request.Request, held []*keeping) (started bool, err error) {
	answers, err := execopts.Named{Host: host}.Resolve(ctx, r)
	if _, stopped := errors.AsType[*engine.NotRunningError](err); stopped {
		return false, nil
	}
	if err != nil {
		return true, err
	}
	return true, o.detachHeld(ctx, host, r, answers, held)
}

// detach unmounts, and ends the call that keeps the mount. That call is held before, so that it does not mount again in
// between if the container is being started.
func (o *options) detach(ctx context.Context, host *enginehost.Host, r *request.Request, answers engine.Answers) error {
	held := hold(host.Connection.Register(), r.Base.Container.ID, answerWithin)
	defer release(held)
	return o.detachHeld(ctx, host, r, answers, held)
}

// detachHeld unmounts. If nothing is mounted, there may be a call that waits for the next start, or could not mount.
func (o *options) detachHeld(ctx context.Context, host *enginehost.Host, r *request.Request, answers engine.Answers, held []*keeping) error {
	if err := o.carryOut(ctx, host, r, answers); err != nil {
		if len(held) == 0 {
			return err
		}
		list := *r
		list.Mount, list.Call = &request.Mount{Action: request.MountList}, ""
		found, failed := answer(ctx, host, &list, answers)
		if failed != nil {
			return err
		}
		return o.forget(held, r, found.Mounts, err)
	}
	var err error
	known := false
	for _, k := range held {
		if k.made(o.done) {
			known, err = true, errors.Join(err, k.end())
		}
	}
	if o.done != nil && o.done.Keeper != "" && !known {
		host.Name().Warn(o.errs(), fmt.Sprintf("a call with --keep of another session (%s) has mounted it: if that still runs, it mounts it again at the next start", o.done.By))
	}
	return err
}

// forget ends the calls that keep what r unmounts and is not there, and says so; if there is none, it returns err. It returns
// err also if what such a call has mounted remains until the container's processes end.
func (o *options) forget(held []*keeping, r *request.Request, live []*mounts.Record, err error) error {
	ended, failed := forget(held, string(r.Mount.Target), live)
	remains := slices.ContainsFunc(ended, func(k kept) bool { return k.hides(live) })
	if failed != nil || len(ended) > 0 && !remains {
		err = failed
	}
	return o.printEnded(ended, r, err)
}

// printEnded says which calls were ended, and returns err.
func (o *options) printEnded(ended []kept, r *request.Request, err error) error {
	for _, k := range ended {
		if _, failed := fmt.Fprintf(o.out(), "%s will not be mounted again at %s in %s\n",
			printable.Text(k.Mount.What()), printable.Text(string(k.Mount.Target)), r.Base); failed != nil {
			return failed
		}
	}
	return err
}
