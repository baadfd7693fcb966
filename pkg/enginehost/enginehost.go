// Package enginehost reaches the host of the engine's containers: it chooses the way there, starts a
// helper there, and runs a command (Run) or asks the helper something (Ask).
package enginehost

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/moby/term"

	"github.com/nsjoin/docker-nsjoin/pkg/dataroot"
	"github.com/nsjoin/docker-nsjoin/pkg/dockercli"
	"github.com/nsjoin/docker-nsjoin/pkg/engine"
	"github.com/nsjoin/docker-nsjoin/pkg/exit"
	"github.com/nsjoin/docker-nsjoin/pkg/interrupt"
	"github.com/nsjoin/docker-nsjoin/pkg/launch"
	"github.com/nsjoin/docker-nsjoin/pkg/plan"
	"github.com/nsjoin/docker-nsjoin/pkg/progress"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

// Host is the engine's host.
type Host struct {
	Connection *engine.Connection
	// Stderr is where warnings go of helpers that serve this process: standard error, if the caller does not change it.
	Stderr io.Writer

	cli     *dockercli.CLI
	via     launch.Via
	program *launch.Program // nil if Prepare was not called
	files   *dataroot.Root  // of the engine, with --no-engine
	atEnd   []func()        // what Close does first
	content []byte          // of the user's own programs in the view of a request
	hereFor string          // what the helper must run on this machine for; "" for nothing
	many    many

	// guard is of a stand-in, and nil if there is none. A signal before its command begins ends making.
	guard  *interrupt.Guard
	making context.Context
}

// Open opens the engine that the Docker CLI's options and o name; with --no-engine, its files. The caller
// closes the Host.
func Open(cli *dockercli.CLI, o Options) (*Host, error) {
	if err := o.Check(); err != nil {
		return nil, err
	}
	connection, err := cli.Engine()
	if err != nil {
		return nil, err
	}
	connection.Sending = func(what string, far func() string) (end func()) { return progress.Start(what, far).End }
	h := &Host{Connection: connection, Stderr: os.Stderr, cli: cli, via: o.via}
	if o.noEngine {
		if h.files, err = o.openFiles(cli); err != nil {
			return nil, err
		}
	}
	return h, nil
}

// Close closes the engine's files, if they are open, and removes what was made for the call.
func (h *Host) Close() {
	for _, do := range h.atEnd {
		do()
	}
	h.many.close()
	if h.guard != nil {
		h.guard.End()
	}
	if h.files != nil {
		h.files.Close()
	}
}

// SendPrograms has Run give the helper the content of the files in the request's view, one after another.
func (h *Host) SendPrograms(content []byte) { h.content = content }

// Name returns the program's name, for messages.
func (h *Host) Name() exit.Name { return h.cli.Name }

// Note tells a user at a terminal what goes on.
func (h *Host) Note(text string) {
	if term.IsTerminal(os.Stderr.Fd()) {
		h.Name().Note(os.Stderr, text)
	}
}

// Debug prints a line if the user asked for debugging output.
func (h *Host) Debug(text string) { h.cli.Debug(text) }

// WarnIfSilent calls WarnIfSilent of package dockercli, unless the engine is not asked.
func (h *Host) WarnIfSilent(command string) (stop func()) {
	if h.files != nil {
		return func() {}
	}
	return h.cli.WarnIfSilent(command)
}

// Offline reports whether the engine is not asked: its files are read.
func (h *Host) Offline() bool { return h.files != nil }

// Resolve asks the engine, or its files, for the containers of r.
func (h *Host) Resolve(ctx context.Context, r *request.Request) (engine.Answers, error) {
	if h.files != nil {
		return engine.Resolve(ctx, h.offline(), r)
	}
	return engine.Resolve(ctx, h.Connection, r)
}

// Engine has the requests that commands send to an engine.
type Engine interface {
	engine.Lister
	engine.Inspector
	engine.ImageInspector
	engine.Eventer
}

// Engine returns the engine's client or, with --no-engine, its replacement that reads the engine's files.
func (h *Host) Engine() (Engine, error) {
	if h.files != nil {
		return h.offline(), nil
	}
	return h.Connection.Client()
}

// Changes is Changes of package engine.
func (h *Host) Changes(ctx context.Context) (<-chan struct{}, error) {
	from, err := h.Engine()
	if err != nil {
		return nil, err
	}
	return engine.Changes(ctx, from), nil
}

// MayGoThroughEngine makes later helpers run through the engine, unless the user chose the way. It
// reports whether it did.
func (h *Host) MayGoThroughEngine() bool {
	if h.via != launch.Auto {
		return false
	}
	h.via = launch.Engine
	return true
}

// RequireEngine makes later helpers run through the engine. If the user chose another way, the error is why.
func (h *Host) RequireEngine(why string) error {
	if h.files != nil || h.via == launch.Local {
		return exit.Hint(errors.New(why), "omit --via local and --no-engine")
	}
	h.via = launch.Engine
	return nil
}

// RequireHere makes later helpers run on this machine, as this process. what names what needs that.
func (h *Host) RequireHere(what string) error {
	if h.via == launch.Engine {
		return exit.Hint(errors.New(what+": the command runs as you, on the engine's host, and not through the engine"), "omit --via engine")
	}
	h.via, h.hereFor = launch.Local, what
	return nil
}

// HostProc returns where the container of r, a resolved request that RequireHere is for, has a procfs of the host's; "" for
// nowhere.
func (h *Host) HostProc(r *request.Request) (string, error) {
	if way, _, err := h.way(r, nil); err != nil || way != launch.Local {
		return "", err
	}
	at, err := launch.HostProc(r.Base.PID)
	if err != nil {
		err = fmt.Errorf("read the mounts of %s: %w", r.Base.Quoted(), err)
	}
	return at, err
}

// KeepHelper has this call use one container for all its helpers, if it needs any.
func (h *Host) KeepHelper() { h.Connection.KeepForOneCall() }

// MayJoinHere reports whether helpers may run on this machine.
func (h *Host) MayJoinHere() bool { return h.via != launch.Engine && launch.MayJoin() }

// LocalOnly reports whether the user chose the local way.
func (h *Host) LocalOnly() bool { return h.via == launch.Local }

// SharesDir reports whether a directory of this machine is the same one on the engine's host, for a helper for r, a
// resolved request. An engine that is reached through a socket of this machine may be in a virtual machine or a
// container, or this process may be.
func (h *Host) SharesDir(r *request.Request, dir string) (bool, error) {
	way, _, err := h.way(r, nil)
	if err != nil || way == launch.Local || r.Base.Container == nil {
		return way == launch.Local, err
	}
	return launch.SharesDir(r.Base.PID, r.Base.Container.ID, dir), nil
}

// way chooses the way for r, a resolved request, and says why. configured is the configuration of the
// container that the command runs in, or nil if it runs in none.
func (h *Host) way(r *request.Request, configured *plan.Configured) (way launch.Via, why string, err error) {
	onSocket, err := h.Connection.Local()
	if err != nil {
		return "", "", err
	}
	way, why, err = launch.Choose(h.via, launch.FindFacts(r, onSocket, configured))
	switch {
	case err != nil && h.hereFor != "":
		return "", "", exit.Hint(fmt.Errorf("%s: the command runs as you, on the engine's host: %s", h.hereFor, why),
			"run it there as root; the other tools work everywhere: docker nsjoin debug without %s", h.hereFor)
	case err != nil && h.files != nil:
		return "", "", errors.New("--no-engine: " + why) // which has set the way
	case err != nil:
		return "", "", exit.Hint(err, "omit --via local: docker nsjoin then uses a container of the engine")
	case h.files != nil:
		why = "the engine was not asked (--no-engine): its files are in " + h.files.Path
	}
	return way, why, nil
}
