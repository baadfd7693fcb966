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
	"github.com/nsjoin/docker-nsjoin/pkg/engine/holder"
	"github.com/nsjoin/docker-nsjoin/pkg/enginehost"
	"github.com/nsjoin/docker-nsjoin/pkg/execopts"
	"github.com/nsjoin/docker-nsjoin/pkg/exit"
	"github.com/nsjoin/docker-nsjoin/pkg/forward/detach"
	"github.com/nsjoin/docker-nsjoin/pkg/mounts"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
	"github.com/nsjoin/docker-nsjoin/pkg/state"
	"github.com/nsjoin/docker-nsjoin/pkg/state/ask"
)

// keeper is a call with --keep.
type keeper struct {
	starter *detach.Starter // nil in the foreground
	end     context.CancelCauseFunc
	// container is its full ID. It does not change.
	container string
	volume    *holder.Hold // nil if no volume is mounted
	holds     holds

	busy chan struct{} // has an element while it mounts, and while another call unmounts: see question
	mu   sync.Mutex
	kept kept
}

// newKeeper makes a call with --keep, which end ends.
func newKeeper(end context.CancelCauseFunc) *keeper {
	return &keeper{end: end, busy: make(chan struct{}, 1)}
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
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(signals)
	called := ctx
	ctx, cancel := context.WithCancelCause(context.WithoutCancel(called))
	defer cancel(nil)
	go func() {
		s := signalOf(called.Done(), ctx.Done(), signals)
		signal.Stop(signals) // a second one ends the process
		cancel(exit.CommandStatus(exit.Signalled(int(s))))
	}()
	if o.background && !cli.Background {
		status, err := detach.Start(ctx, os.Args, dockercli.Variables(), detach.Output{Out: os.Stdout, Err: os.Stderr, Note: func(string) {}})
		if err != nil {
			return err
		}
		return exit.CommandStatus(status)
	}
	o.keeper = newKeeper(cancel)
	if cli.Background {
		o.keeper.starter = detach.Connect(func() { cancel(detach.ErrEnded) })
	}
	err := o.run(ctx, cli, name, q)
	if o.keeper.starter != nil && err != nil {
		o.keeper.starter.Failed(cli.Name.Report(o.keeper.starter.Err(), err))
	}
	return err
}

// signalOf waits for a signal, and returns it. If the Docker CLI got one, it tells this process by ending called, perhaps
// before the same signal comes, which the CLI does not name.
func signalOf(called, ended <-chan struct{}, signals <-chan os.Signal) syscall.Signal {
	const soon = 200 * time.Millisecond
	var late <-chan time.Time
	for {
		select {
		case <-called:
			called, late = nil, time.After(soon)
		case s := <-signals:
			if s, ok := s.(syscall.Signal); ok {
				return s
			}
		case <-late:
			return syscall.SIGINT
		case <-ended:
			return syscall.SIGINT
		}
	}
}

// begin has the user's other calls reach this one, before anything is mounted, and names it in the request. r is resolved.
func (k *keeper) begin(register engine.Register, r *request.Request) (stop func(), err error) {
	r.Mount.Keeper = rand.Text()
	k.container = r.Base.Container.ID
	k.kept = kept{
		PID: os.Getpid(), Container: r.Base.Container.ID, Asked: string(r.Mount.Target),
		Mount: mounts.Record{
			Container: r.Base.Container.ID, Type: r.Mount.Type, Source: r.Mount.Source, Volume: r.Mount.Volume, Target: r.Mount.Target,
			Keeper: r.Mount.Keeper,
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

// mount mounts by carryOut, which sets o.done, and notes what came of it. If there is an error, it may nevertheless be
// mounted: then that could not be printed.
// It waits for a call that unmounts until ctx ends.
func (k *keeper) mount(ctx context.Context, o *options, carryOut func() error) (mounted bool, err error) {
	select {
	case k.busy <- struct{}{}:
	case <-ctx.Done():
		return false, context.Cause(ctx)
	}
	defer func() { <-k.busy }()
	k.mu.Lock()
	over := k.kept.Ended
	k.mu.Unlock()
	if over {
		return false, errUnmounted
	}
	o.done = nil
	if err = carryOut(); err == nil && o.done == nil {
		err = errors.New("the helper does not say what it has mounted")
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	switch k.kept.Error = ""; {
	case o.done != nil:
		k.kept.Mount = *o.done
	case err != nil:
		k.kept.Error = err.Error()
	}
	return o.done != nil, err
}

// fails notes why it could not mount.
func (k *keeper) fails(err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.kept.Error = err.Error()
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
	a := &again{
		keeper: k, o: o, host: execopts.Named{Host: host}, first: r, tries: tries{mounted: startOf(answers, typed.Name)},
		carryOut: func(r *request.Request, answers engine.Answers) error { return o.carryOut(ctx, host, r, answers) },
	}
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
		if err != nil {
			continue
		}
		o.report(ctx, host, k.holdVolumeAgain(ctx, host, r))
		o.report(ctx, host, a.look(ctx, startOf(answers, id)))
	}
}

// report prints an error, unless the call is being ended.
func (o *options) report(ctx context.Context, host *enginehost.Host, err error) {
	if err != nil && ctx.Err() == nil {
		host.Name().Report(o.errs(), err)
	}
}

// listen makes the call's record, and answers the user's other calls.
func (k *keeper) listen(register engine.Register) (stop func(), err error) {
	says, err := json.Marshal(k.kept)
	if err != nil {
		return nil, err
	}
	record, err := register.State.Add(state.Mount, state.Entry{
		Name: rand.Text(), Endpoint: register.Endpoint, Context: register.Context, Began: time.Now(), Keeps: says,
	})
	if err != nil {
		return nil, err
	}
	socket, err := record.Listen()
	if err != nil {
		record.Remove()
		return nil, err
	}
	go ask.Serve(socket, k.answer)
	return func() {
		socket.Close()
		record.Remove()
	}, nil
}

// answer answers another call of the user's.
func (k *keeper) answer(conn net.Conn) {
	var asked question
	if ask.Receive(conn, answerWithin, &asked) != nil {
		return
	}
	if asked.Hold != "" && asked.Hold == k.container {
		k.busy <- struct{}{}
		defer func() { <-k.busy }()
	}
	if !k.say(conn, false) || asked.Hold != k.container {
		return
	}
	if ask.Receive(conn, holdWithin, &asked) == nil && asked.End {
		k.say(conn, true)
	}
}

// say answers a question, and ends the call with end. It reports whether the call goes on: else it keeps nothing any more, and
// does not answer.
func (k *keeper) say(conn net.Conn, end bool) bool {
	k.mu.Lock()
	says, over := k.kept, k.kept.Ended
	says.Ended = end
	k.kept.Ended = over || end
	k.mu.Unlock()
	if over {
		return false
	}
	if end {
		k.end(errUnmounted)
	}
	_ = ask.Answer(conn, answerWithin, says)
	return true
}
