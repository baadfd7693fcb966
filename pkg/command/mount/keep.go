package mount

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/nsjoin/docker-nsjoin/pkg/dockercli"
	"github.com/nsjoin/docker-nsjoin/pkg/engine"
	"github.com/nsjoin/docker-nsjoin/pkg/enginehost"
	"github.com/nsjoin/docker-nsjoin/pkg/exit"
	"github.com/nsjoin/docker-nsjoin/pkg/forward/detach"
	"github.com/nsjoin/docker-nsjoin/pkg/mounts"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
	"github.com/nsjoin/docker-nsjoin/pkg/state"
)

// keeper is a call with --keep.
type keeper struct {
	starter *detach.Starter // nil in the foreground
	end     context.CancelCauseFunc

	busy sync.Mutex // held while it mounts: until then it is not known what is kept
	mu   sync.Mutex
	kept kept
}

func (o *options) out() io.Writer {
	if o.keeper != nil && o.keeper.starter != nil {
		return o.keeper.starter.Out()
	}
	return os.Stdout
}

func (o *options) errs() io.Writer {
	if o.keeper != nil && o.keeper.starter != nil {
		return o.keeper.starter.Err()
	}
	return os.Stderr
}

// stay mounts, and goes on in the foreground or in the background.
func (o *options) stay(ctx context.Context, cli *dockercli.CLI, name string, q *request.Mount) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(signals)
	go func() {
		if s, ok := (<-signals).(syscall.Signal); ok {
			signal.Stop(signals) // a second one ends the process
			cancel(exit.CommandStatus(exit.Signalled(int(s))))
		}
	}()
	if o.background && !cli.Background {
		status, err := detach.Start(ctx, os.Args, dockercli.Variables(), detach.Output{Out: os.Stdout, Err: os.Stderr, Note: func(string) {}})
		if err != nil {
			return err
		}
		return exit.CommandStatus(status)
	}
	o.keeper = &keeper{end: cancel}
	if cli.Background {
		o.keeper.starter = detach.Connect(func() { cancel(detach.ErrEnded) })
	}
	err := o.run(ctx, cli, name, q)
	if o.keeper.starter != nil && err != nil {
		o.keeper.starter.Failed(cli.Name.Report(o.keeper.starter.Err(), err))
	}
	return err
}

// lookEvery is how often the engine is asked for the container, beside the events that it reports. What could not be
// mounted is tried again after that time, and then later and later, up to retryAtMost.
const (
	lookEvery   = 2 * time.Second
	retryAtMost = time.Minute
)

// begin has the user's other calls reach this one, before anything is mounted. r is resolved.
func (k *keeper) begin(register engine.Register, r *request.Request) (stop func(), err error) {
	k.kept = kept{
		PID: os.Getpid(), Container: r.Base.Container.ID, Name: r.Base.Name, Asked: string(r.Mount.Target),
		Mount: mounts.Record{
			Container: r.Base.Container.ID, Type: r.Mount.Type, Source: r.Mount.Source, Volume: r.Mount.Volume, Target: r.Mount.Target,
		},
	}
	if r.Mount.From != nil {
		k.kept.Mount.From = r.Mount.From.Name
	}
	if stop, err = k.listen(register); err != nil {
		return nil, fmt.Errorf("--keep: umount could not end it: %w", err)
	}
	return stop, nil
}

// mount carries r out, and notes what came of it.
func (k *keeper) mount(ctx context.Context, o *options, host *enginehost.Host, r *request.Request, answers engine.Answers) error {
	k.busy.Lock()
	defer k.busy.Unlock()
	err := o.carryOut(ctx, host, r, answers)
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.kept.Error = ""; err != nil {
		k.kept.Error = err.Error()
	} else if o.done != nil {
		k.kept.Mount = *o.done
	}
	return err
}

// keep mounts again after each start of the container, until umount, or until the container is removed.
func (k *keeper) keep(ctx context.Context, o *options, host *enginehost.Host, r *request.Request, answers engine.Answers) error {
	typed, id := r.Base, r.Base.Container.ID
	if k.starter != nil {
		if err := k.starter.Ready(); err != nil {
			return err
		}
	}
	client, err := host.Engine()
	if err != nil {
		return err
	}
	t := &tries{mounted: startOf(answers, typed.Name)}
	for changes := engine.Changes(ctx, client); ; {
		select {
		case <-ctx.Done():
			if err := context.Cause(ctx); !errors.Is(err, errUnmounted) {
				return err
			}
			return nil
		case <-changes:
		case <-time.After(lookEvery):
		}
		base := &request.Request{Base: request.Source{From: request.FromContainer, Name: id}, Paused: true}
		answers, err := host.Resolve(ctx, base)
		if missing, ok := errors.AsType[*engine.NoContainerError](err); ok && missing.Name == id {
			return fmt.Errorf("container %s was removed", typed.Quoted())
		}
		start := startOf(answers, id)
		if err != nil || !t.due(start, time.Now()) {
			continue
		}
		if err = k.again(ctx, o, host, r, id); err == nil {
			t.mounted = start
		} else if t.failed(start, err, time.Now()) && ctx.Err() == nil {
			host.Name().Report(o.errs(), err)
		}
	}
}

// again mounts in the container as it is now. r is of its first run.
func (k *keeper) again(ctx context.Context, o *options, host *enginehost.Host, r *request.Request, id string) error {
	// The first answer has changed the request.
	again, mount, typed := *r, *r.Mount, r.Base.Name
	if again.Base = (request.Source{From: request.FromContainer, Name: id}); mount.Type == request.MountVolume {
		mount.From, mount.Source = nil, ""
	}
	if mount.From != nil {
		mount.From = &request.Source{From: request.FromContainer, Name: mount.From.Name}
	}
	again.Mount, again.Call = &mount, ""
	answers, err := host.Resolve(ctx, &again)
	if err != nil {
		k.mu.Lock()
		k.kept.Error = err.Error()
		k.mu.Unlock()
		return err
	}
	answers[typed], again.Base.Name = answers[id], typed
	return k.mount(ctx, o, host, &again, answers)
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

// listen makes the call's record, and answers the user's other calls.
func (k *keeper) listen(register engine.Register) (stop func(), err error) {
	record, err := register.State.Add(state.Mount, state.Entry{
		Name: rand.Text(), Endpoint: register.Endpoint, Context: register.Context, Began: time.Now(),
	})
	if err != nil {
		return nil, err
	}
	socket, err := record.Listen()
	if err != nil {
		record.Remove()
		return nil, err
	}
	go func() {
		for {
			conn, err := socket.Accept()
			if err != nil {
				return
			}
			go k.answer(conn)
		}
	}()
	return func() {
		socket.Close()
		record.Remove()
	}, nil
}

// answer answers another call of the user's.
func (k *keeper) answer(conn net.Conn) {
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(answerWithin))
	var asked question
	if receive(conn, &asked) != nil {
		return
	}
	if asked.End {
		k.busy.Lock()
		defer k.busy.Unlock()
	}
	k.mu.Lock()
	says, over := k.kept, k.kept.Ended
	says.Ended = asked.End && same(&asked.Mount, &says.Mount)
	k.kept.Ended = over || says.Ended
	k.mu.Unlock()
	if over { // it keeps nothing any more
		return
	}
	if says.Ended {
		k.end(errUnmounted)
	}
	_ = conn.SetDeadline(time.Now().Add(answerWithin))
	_ = json.NewEncoder(conn).Encode(says)
}
