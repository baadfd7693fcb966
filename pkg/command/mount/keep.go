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
	"syscall"
	"time"

	"github.com/nsjoin/docker-nsjoin/pkg/dockercli"
	"github.com/nsjoin/docker-nsjoin/pkg/engine"
	"github.com/nsjoin/docker-nsjoin/pkg/enginehost"
	"github.com/nsjoin/docker-nsjoin/pkg/exit"
	"github.com/nsjoin/docker-nsjoin/pkg/forward/detach"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
	"github.com/nsjoin/docker-nsjoin/pkg/state"
)

// keptMount is a mount that a call keeps, for the user's other calls.
type keptMount struct {
	Container string `json:"container"` // full ID
	Target    string `json:"target"`
}

// keeper is a call with --keep.
type keeper struct {
	starter *detach.Starter // nil in the foreground
	end     context.CancelCauseFunc
}

// errUnmounted ends a call with --keep.
var errUnmounted = errors.New("it was unmounted")

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

// lookEvery is how often the engine is asked for the container, beside the events that it reports.
const lookEvery = 2 * time.Second

// keep mounts again after each start of the container, until umount, or until the container is removed.
func (k *keeper) keep(ctx context.Context, o *options, host *enginehost.Host, r *request.Request, answers engine.Answers) error {
	typed, id := r.Base, r.Base.Container.ID
	stop, err := k.listen(host.Connection.Register(), keptMount{id, o.unmounted})
	if err != nil {
		return fmt.Errorf("--keep: umount could not end it: %w", err)
	}
	defer stop()
	if k.starter != nil {
		if err := k.starter.Ready(); err != nil {
			return err
		}
	}
	client, err := host.Engine()
	if err != nil {
		return err
	}
	changes, mounted := engine.Changes(ctx, client), startOf(answers, typed.Name)
	for {
		select {
		case <-ctx.Done():
			if err := context.Cause(ctx); !errors.Is(err, errUnmounted) {
				return err
			}
			return nil
		case <-changes:
		case <-time.After(lookEvery):
		}
		// The first answer has changed the request.
		again := *r
		mount := *r.Mount
		if again.Base = (request.Source{From: request.FromContainer, Name: id}); mount.Type == request.MountVolume {
			mount.From, mount.Source = nil, ""
		}
		again.Mount, again.Call = &mount, ""
		answers, err := host.Resolve(ctx, &again)
		_, removed := errors.AsType[*engine.NoContainerError](err)
		switch {
		case removed:
			return fmt.Errorf("container %s was removed", typed.Quoted())
		case err != nil || startOf(answers, id) == mounted:
			continue
		}
		mounted = startOf(answers, id)
		answers[typed.Name], again.Base.Name = answers[id], typed.Name
		if err := o.carryOut(ctx, host, &again, answers); err != nil && ctx.Err() == nil {
			host.Name().Report(o.errs(), err)
		}
	}
}

// startOf returns when a container was started.
func startOf(answers engine.Answers, name string) string {
	c := answers[name]
	if c.ContainerJSONBase == nil || c.State == nil {
		return ""
	}
	return c.State.StartedAt
}

// answerWithin is how long another call of the user's may take.
const answerWithin = 2 * time.Second

// listen makes the call's record, through which umount ends it.
func (k *keeper) listen(register engine.Register, m keptMount) (stop func(), err error) {
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
			k.answer(conn, m)
		}
	}()
	return func() {
		socket.Close()
		record.Remove()
	}, nil
}

// answer reads which mount was unmounted.
func (k *keeper) answer(conn net.Conn, m keptMount) {
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(answerWithin))
	var gone keptMount
	const most = 64 << 10
	if json.NewDecoder(io.LimitReader(conn, most)).Decode(&gone) == nil && gone == m {
		k.end(errUnmounted)
	}
	_, _ = conn.Write([]byte{'\n'})
}

// endKeepers ends the user's calls that keep a mount which was unmounted, and removes the records of those that were
// killed.
func endKeepers(dir *state.Dir, m keptMount) {
	if dir == nil {
		return
	}
	abandoned, err := dir.Abandoned(state.Mount, func(state.Entry) bool { return true })
	if err != nil {
		return
	}
	for _, record := range abandoned {
		record.Remove()
	}
	list, err := dir.List(state.Mount)
	if err != nil {
		return
	}
	for _, e := range list {
		conn, err := dir.Dial(state.Mount, e.Name)
		if err != nil {
			continue
		}
		_ = conn.SetDeadline(time.Now().Add(answerWithin))
		if json.NewEncoder(conn).Encode(m) == nil {
			_, _ = conn.Read(make([]byte, 1))
		}
		conn.Close()
	}
}
