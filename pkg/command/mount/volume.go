package mount

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"time"

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
	if !exists {
		if err := checkNew(ctx, host, r, answers); err != nil {
			return err
		}
	}
	if err := o.keeper.holdVolume(ctx, host, q.Volume); err != nil {
		return err
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
	if done.Done == nil {
		return errors.New("the helper does not say what it has mounted")
	}
	if err := held.Confirm(ctx, done.Done.ID); err != nil {
		gone := *r
		gone.Mount = &request.Mount{Action: request.MountDetach, Lazy: true, Target: done.Done.Target, By: q.By}
		_, failed := answer(context.WithoutCancel(ctx), host, &gone, answers)
		return errors.Join(err, failed)
	}
	return o.print(host, r, answers, done)
}

// checkNew refuses what the helper would refuse, so that no volume is made for it.
func checkNew(ctx context.Context, host *enginehost.Host, r *request.Request, answers engine.Answers) error {
	r.DryRun = request.OutputText
	if _, err := answer(ctx, host, r, answers); err != nil {
		return err
	}
	r.DryRun = request.OutputNone
	if _, err := os.Stat(r.Mount.Volume); err == nil {
		host.Name().Warn(os.Stderr, fmt.Sprintf("volume %q is new; for the directory of that name write ./%[1]s", r.Mount.Volume))
	}
	return nil
}

// holdVolume keeps the engine from removing a volume as long as the call runs, also while the container does not: otherwise
// docker volume prune would remove it before the next start.
func (k *keeper) holdVolume(ctx context.Context, host *enginehost.Host, name string) (err error) {
	if k == nil || k.volume != nil && !k.volume.Ended() {
		return nil
	}
	hold, err := host.KeepVolume(ctx, name, k.volume)
	if err == nil {
		k.volume = hold
	}
	return err
}

// holdVolumeAgain holds the volume of r again if that has ended with the engine. What somebody has removed meanwhile is not made
// again before the next mount. It returns an error that is to be reported.
func (k *keeper) holdVolumeAgain(ctx context.Context, host *enginehost.Host, r *request.Request) error {
	if k.volume == nil {
		return nil
	}
	err := k.holds.look(k.volume.Ended(), time.Now(), func() error {
		client, err := host.Connection.Client()
		if err != nil {
			return err
		}
		exists, err := holder.Exists(ctx, client, r.Mount.Volume)
		if err != nil || !exists {
			return err
		}
		return k.holdVolume(ctx, host, r.Mount.Volume)
	})
	if err != nil {
		return fmt.Errorf("volume %q is not in use while the container does not run: %w", r.Mount.Volume, err)
	}
	return nil
}

// holds decides when to hold a volume again.
type holds struct{ tries }

// errEndedAgain is noted for a container that has been started. If it runs at the next look, that is forgotten.
var errEndedAgain = errors.New("it has ended again")

// look holds the volume again if what held it has ended and that is due: after each failure later. A container that ends as
// soon as it was started is one. look returns an error that is to be reported: the same one only once.
func (h *holds) look(ended bool, now time.Time, hold func() error) error {
	const run = "held" // there is only one
	if !ended {
		h.tries = tries{}
		return nil
	}
	if !h.due(run, now) {
		return nil
	}
	err := hold()
	if isNew := h.failed(run, cmp.Or(err, errEndedAgain), now); !isNew {
		return nil
	}
	return err
}

func (k *keeper) releaseVolume() {
	if k.volume != nil {
		k.volume.Release()
	}
}
