package mount

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/nsjoin/docker-nsjoin/pkg/engine"
	"github.com/nsjoin/docker-nsjoin/pkg/engine/holder"
	"github.com/nsjoin/docker-nsjoin/pkg/enginehost"
	"github.com/nsjoin/docker-nsjoin/pkg/exit"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

// mountVolume mounts a volume. It is taken from a container that holds it, so that the engine has it mounted, whatever its
// driver is, and knows that it is in use.
func (o *options) mountVolume(ctx context.Context, host *enginehost.Host, r *request.Request, answers engine.Answers) error {
	q := r.Mount
	if host.Offline() {
		return exit.Hint(fmt.Errorf("volume %q: only the engine can say that it is in use", q.Volume), "omit --no-engine")
	}
	client, err := host.Connection.Client()
	if err != nil {
		return err
	}
	exists, err := holder.Exists(ctx, client, q.Volume)
	if err != nil {
		return err
	}
	if o.dryRun {
		unseen := exists && !q.NoCopy
		q.NoCopy = q.NoCopy || exists // only a container that holds it has its files
		planned, err := answer(ctx, host, r, answers)
		if err != nil {
			return err
		}
		if unseen {
			planned.Plan.Warnings = append(planned.Plan.Warnings,
				fmt.Sprintf("the files of volume %s were not looked at: if it is empty and %s is not, it is not mounted without :nocopy", q.Volume, q.Target))
		}
		return o.print(host, r, answers, planned)
	}
	if !exists { // what is refused must not make a volume
		r.DryRun = request.OutputText
		if _, err := answer(ctx, host, r, answers); err != nil {
			return err
		}
		r.DryRun = request.OutputNone
		if _, err := os.Stat(q.Volume); err == nil {
			host.Name().Warn(os.Stderr, fmt.Sprintf("volume %q is new; for the directory of that name write ./%[1]s", q.Volume))
		}
	}
	held, err := host.HoldVolume(ctx, q.Volume, r.Base.PID)
	if err != nil {
		return err
	}
	defer held.Close()
	q.From, q.Source = &request.Source{From: request.FromContainer, Name: held.ID}, engine.VolumePath
	if answers, err = host.Resolve(ctx, r); err != nil {
		return fmt.Errorf("hold volume %q: %w", q.Volume, err)
	}
	done, err := answer(ctx, host, r, answers)
	if err != nil {
		return err
	}
	if err := held.Confirm(ctx); err != nil {
		gone := *r
		gone.Mount = &request.Mount{Action: request.MountDetach, Lazy: true, Target: done.Done.Target, By: q.By}
		_, failed := answer(context.WithoutCancel(ctx), host, &gone, answers)
		return errors.Join(err, failed)
	}
	return o.print(host, r, answers, done)
}
