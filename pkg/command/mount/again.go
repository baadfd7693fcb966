package mount

import (
	"cmp"
	"context"
	"time"

	"github.com/nsjoin/docker-nsjoin/pkg/engine"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

// lookEvery is how often the engine is asked for the container, beside the events that it reports. What could not be
// mounted is tried again after that time, and then later and later, up to retryAtMost.
const (
	lookEvery   = 2 * time.Second
	retryAtMost = time.Minute
)

// again mounts in later runs of a container.
type again struct {
	keeper   *keeper
	o        *options
	host     resolver
	first    *request.Request // of the first run; resolved
	carryOut func(*request.Request, engine.Answers) error
	tries
}

// resolver is the part of an enginehost.Host that finds containers.
type resolver interface {
	Resolve(ctx context.Context, r *request.Request) (engine.Answers, error)
}

// look mounts if that is due in the run that began at start. It returns an error that is to be reported.
func (a *again) look(ctx context.Context, start string) error {
	if !a.due(start, time.Now()) {
		return nil
	}
	now, mounted, err := a.mount(ctx)
	start = cmp.Or(now, start)
	switch {
	case mounted:
		a.mounted = start
	case !a.failed(start, err, time.Now()):
		return nil
	}
	return err
}

// mount mounts in the container as it is now, and returns when that run began, which may be a later one than the caller
// knows.
func (a *again) mount(ctx context.Context) (start string, mounted bool, err error) {
	// The first answer has changed the request.
	r, mount, typed, id := *a.first, *a.first.Mount, a.first.Base.Name, a.first.Base.Container.ID
	if r.Base = (request.Source{From: request.FromContainer, Name: id}); mount.Type == request.MountVolume {
		mount.From, mount.Source = nil, ""
	}
	if mount.From != nil {
		mount.From = &request.Source{From: request.FromContainer, Name: mount.From.Name}
	}
	r.Mount, r.Call = &mount, ""
	answers, err := a.host.Resolve(ctx, &r)
	if err != nil {
		a.keeper.fails(err)
		return "", false, err
	}
	answers[typed], r.Base.Name = answers[id], typed
	mounted, err = a.keeper.mount(ctx, a.o, func() error { return a.carryOut(&r, answers) })
	return startOf(answers, id), mounted, err
}

// tries decides when to mount. Runs of the container are told apart by when they were started.
type tries struct {
	mounted string // the run in which it was mounted
	start   string // the run in which mounting has failed, and the error
	err     string
	pause   time.Duration
	next    time.Time // not before
}

// due reports whether to mount now, in a run.
func (t *tries) due(start string, now time.Time) bool {
	return start != t.mounted && (start != t.start || !now.Before(t.next))
}

// failed notes an error, and reports whether it is another one than before.
func (t *tries) failed(start string, err error, now time.Time) (isNew bool) {
	if start != t.start {
		t.start, t.err, t.pause = start, "", lookEvery/2 //nolint:mnd // it is doubled
	}
	t.pause = min(2*t.pause, retryAtMost) //nolint:mnd // later and later
	t.next = now.Add(t.pause)
	isNew, t.err = t.err != err.Error(), err.Error()
	return isNew
}

// startOf returns when a container was started.
func startOf(answers engine.Answers, name string) string {
	c := answers[name]
	if c.ContainerJSONBase == nil || c.State == nil {
		return ""
	}
	return c.State.StartedAt
}
