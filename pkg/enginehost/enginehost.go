// Package enginehost reaches the host of the engine's containers: it chooses the way there, starts a
// helper there, and runs a command (Run) or asks the helper something (Ask).
package enginehost

import (
	"context"

	"github.com/nsjoin/docker-nsjoin/pkg/dataroot"
	"github.com/nsjoin/docker-nsjoin/pkg/dockercli"
	"github.com/nsjoin/docker-nsjoin/pkg/engine"
	"github.com/nsjoin/docker-nsjoin/pkg/launch"
	"github.com/nsjoin/docker-nsjoin/pkg/plan"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

// Host is the engine's host.
type Host struct {
	Connection *engine.Connection

	cli     *dockercli.CLI
	via     launch.Via
	program *launch.Program // nil if Prepare was not called
	files   *dataroot.Root  // of the engine, with --no-engine
}

// Open opens the engine that the Docker CLI's options and o name; with --no-engine, its files. Close it.
func Open(cli *dockercli.CLI, o Options) (*Host, error) {
	if err := o.Check(); err != nil {
		return nil, err
	}
	connection, err := cli.Engine()
	if err != nil {
		return nil, err
	}
	h := &Host{Connection: connection, cli: cli, via: o.via}
	if o.noEngine {
		if h.files, err = o.openFiles(cli); err != nil {
			return nil, err
		}
	}
	return h, nil
}

// Close closes the engine's files, if they are open.
func (h *Host) Close() {
	if h.files != nil {
		h.files.Close()
	}
}

// WarnIfSilent is that of package dockercli. It does nothing if the engine is not asked.
func (h *Host) WarnIfSilent(command string) (stop func()) {
	if h.files != nil {
		return func() {}
	}
	return h.cli.WarnIfSilent(command)
}

// Offline tells whether the engine is not asked: its files are read.
func (h *Host) Offline() bool { return h.files != nil }

// Resolve asks the engine, or its files, for the containers of r.
func (h *Host) Resolve(ctx context.Context, r *request.Request) (engine.Answers, error) {
	if h.files != nil {
		return engine.Resolve(ctx, h.offline(), r)
	}
	return engine.Resolve(ctx, h.Connection, r)
}

// Engine is what commands ask an engine.
type Engine interface {
	engine.Lister
	engine.Inspector
	engine.Eventer
}

// Engine returns the engine's client, or what answers by its files.
func (h *Host) Engine() (Engine, error) {
	if h.files != nil {
		return h.offline(), nil
	}
	return h.Connection.Client()
}

// MayGoThroughEngine goes through the engine from now on, if the way is not given. It tells whether it
// does.
func (h *Host) MayGoThroughEngine() bool {
	if h.via != launch.Auto {
		return false
	}
	h.via = launch.Engine
	return true
}

// LocalOnly tells whether the user asked for the local way.
func (h *Host) LocalOnly() bool { return h.via == launch.Local }

// way chooses the way for r, a request that was resolved, and says why. configured is what the
// container of the command was made with, or nil if no command runs in one.
func (h *Host) way(r *request.Request, configured *plan.Configured) (way launch.Via, why string, err error) {
	onSocket, err := h.Connection.Local()
	if err != nil {
		return "", "", err
	}
	way, why, err = launch.Choose(h.via, launch.FindFacts(r, onSocket, configured))
	if err == nil && h.files != nil {
		why = "the engine was not asked (--no-engine): its files are in " + h.files.Path
	}
	return way, why, err
}
