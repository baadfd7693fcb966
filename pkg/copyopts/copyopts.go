// Package copyopts has the options of debug and of entrypoint --run about what does not run: a stopped container, one
// that keeps restarting, or an image. A command runs in a copy of it.
package copyopts

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/nsjoin/docker-nsjoin/pkg/completion"
	"github.com/nsjoin/docker-nsjoin/pkg/engine"
	"github.com/nsjoin/docker-nsjoin/pkg/engine/selection"
	"github.com/nsjoin/docker-nsjoin/pkg/engine/standin"
	"github.com/nsjoin/docker-nsjoin/pkg/enginehost"
	"github.com/nsjoin/docker-nsjoin/pkg/execopts"
	"github.com/nsjoin/docker-nsjoin/pkg/exit"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

// Options are the values of the flags, and what they are about.
type Options struct {
	// Image says that the base of a request is an image.
	Image bool
	// Pull says that an image is pulled which the engine does not have.
	Pull bool

	flags   *pflag.FlagSet
	copy    bool
	volumes string
	network string
}

// AddTo adds the flags to a command's.
func (o *Options) AddTo(flags *pflag.FlagSet) {
	o.flags, o.volumes = flags, readOnly
	flags.Var(&WordFlag{&o.volumes, readOnly, writable}, "volumes", `Volumes and bind mounts of a container that does not run ("ro"|"rw")`)
	flags.StringVar(&o.network, "network", "", "Network of a container that does not run, or of an image, as for docker run")
	flags.BoolVar(&o.copy, "copy", false, "Use a copy of the container, even if it runs")
}

// Complete registers what the shell offers for the values of the flags.
func Complete(cmd *cobra.Command) {
	completion.Flag(cmd, "network", completion.Nothing)
	completion.Flag(cmd, "volumes", completion.OneOf(readOnly, writable))
}

// OnlyForCopies returns the flags that were given and are only about a copy.
func (o *Options) OnlyForCopies() (given []string) {
	for _, name := range []string{"network", "volumes"} {
		if o.flags.Changed(name) {
			given = append(given, name)
		}
	}
	return given
}

// Resolve has the engine resolve the names in r; an execopts.Resolver. If the base needs a copy, Resolve makes it.
func (o *Options) Resolve(ctx context.Context, host *enginehost.Host, r *request.Request) (engine.Answers, error) {
	answers, p, err := o.Find(ctx, host, r)
	if err != nil {
		return nil, err
	}
	if p != nil {
		return o.Make(ctx, host, r, p)
	}
	return answers, nil
}

// Find has the engine resolve the names in r. If the base is an image, does not run or would soon end, or if the user
// wants that, Find plans a copy instead.
func (o *Options) Find(ctx context.Context, host *enginehost.Host, r *request.Request) (engine.Answers, *standin.Plan, error) {
	if o.Image {
		return o.planImage(ctx, host, r)
	}
	answers, err := execopts.Resolve(ctx, host, r)
	if service, is := errors.AsType[*selection.StoppedError](err); is && !host.Offline() {
		r.Rename(r.Base.Name, service.ID)
		answers, err = execopts.Resolve(ctx, host, r)
	}
	if err == nil && !host.Offline() && o.mayJoin() {
		answers, err = settle(ctx, host, r, answers)
	}
	if !host.Offline() {
		if _, missing := errors.AsType[*engine.NoContainerError](err); missing {
			o.Image = true
			return o.planImage(ctx, host, r)
		}
		_, stopped := errors.AsType[*engine.NotRunningError](err)
		if stopped || err == nil && standin.CrashLoops(answers[r.Base.Name]) {
			return o.plan(ctx, host, r)
		}
	}
	switch given := o.OnlyForCopies(); {
	case err != nil:
		return nil, nil, err
	case o.copy:
		return o.plan(ctx, host, r)
	case len(given) > 0:
		return nil, nil, exit.Hint(fmt.Errorf("--%s: %q runs, and a command in it has its networks and volumes", given[0], r.Base.Name), "with --copy the command runs in a copy of it")
	}
	return answers, nil, nil
}

// mayJoin reports whether a command may join the container: the user wants no copy.
func (o *Options) mayJoin() bool { return !o.copy && len(o.OnlyForCopies()) == 0 }

// settle waits while the container of r, which answers are about, may be in the first run of a crash loop: a command that
// joins it then would end with it. It returns the answers of after that.
func settle(ctx context.Context, host *enginehost.Host, r *request.Request, answers engine.Answers) (engine.Answers, error) {
	wait := standin.FirstRun(answers[r.Base.Name])
	if wait == 0 {
		return answers, nil
	}
	host.Note(fmt.Sprintf("%s has just started; waiting to see whether it keeps running", r.Base.Name))
	select {
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	case <-time.After(wait):
		return execopts.Resolve(ctx, host, r)
	}
}

func (o *Options) planImage(ctx context.Context, host *enginehost.Host, r *request.Request) (engine.Answers, *standin.Plan, error) {
	answers, p, err := o.plan(ctx, host, r)
	if o.flags.Changed("volumes") && (err == nil || errors.Is(err, standin.ErrNoImage) && o.Pull) {
		return nil, nil, exit.Hint(fmt.Errorf("--volumes: %q is an image, and has none", r.Base.Name), "omit --volumes, or name a container")
	}
	switch {
	case !errors.Is(err, standin.ErrNoImage) || !o.Pull:
	case r.DryRun != request.OutputNone:
		err = exit.Hint(fmt.Errorf("--dry-run: the engine has no image %q, which would have to be pulled", r.Base.Name), "omit --dry-run, or pull the image by docker pull")
	default:
		if err = host.Pull(ctx, r.Base.Name); err == nil {
			answers, p, err = o.plan(ctx, host, r)
		}
	}
	return answers, p, err
}

func (o *Options) plan(ctx context.Context, host *enginehost.Host, r *request.Request) (engine.Answers, *standin.Plan, error) {
	if r.Detach {
		return nil, nil, exit.Hint(fmt.Errorf("--detach: the copy of %q is thrown away when the call ends", r.Base.Name), "omit --detach, or name a container that runs")
	}
	p, err := host.PlanStandIn(ctx, r, o.Image, standin.Options{Network: o.network, User: r.User, WritableVolumes: o.volumes == writable})
	return nil, p, err
}

// Make makes the copy that was planned, and resolves r with it. For --dry-run it prints the plan.
func (o *Options) Make(ctx context.Context, host *enginehost.Host, r *request.Request, p *standin.Plan) (engine.Answers, error) {
	if r.DryRun == request.OutputNone {
		return host.MakeStandIn(ctx, p, r)
	}
	if err := host.PrintStandIn(p, r); err != nil {
		return nil, err
	}
	return nil, execopts.ErrPrinted
}
