//go:build linux

package main

import (
	"cmp"
	"fmt"
	"os"

	"github.com/nsjoin/docker-nsjoin/pkg/audit"
	"github.com/nsjoin/docker-nsjoin/pkg/exit"
	"github.com/nsjoin/docker-nsjoin/pkg/join"
	"github.com/nsjoin/docker-nsjoin/pkg/observe"
	"github.com/nsjoin/docker-nsjoin/pkg/plan"
	"github.com/nsjoin/docker-nsjoin/pkg/procfs"
	"github.com/nsjoin/docker-nsjoin/pkg/recorder"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

// beginRecord writes the begin record of the join if the plan wants one; else it returns nil. It fails only
// if the host's system-wide file requires the record. If only the user asked for it, a failure is a warning.
func beginRecord(p *plan.Plan, r *request.Request, seen *observe.Observation, to *messages) (*recorder.Recorder, error) {
	if p.Audit == nil {
		return nil, nil
	}
	record, err := begin(p, r, seen)
	switch {
	case err == nil:
		return record, nil
	case p.Audit.Required:
		return nil, exit.Hint(fmt.Errorf("write the record of the join in %q: %w", p.Target, err),
			"%s on the engine's host requires it, and nothing is joined without it: check that %s runs there", audit.SystemFile, p.Audit.To)
	}
	to.warn(fmt.Sprintf("the join is not recorded: %v", err))
	return nil, nil
}

func begin(p *plan.Plan, r *request.Request, seen *observe.Observation) (*recorder.Recorder, error) {
	root, err := seen.OpenRoot(0) // the host's
	if err != nil {
		return nil, err
	}
	defer root.Close()
	of := p.Record(r)
	if !r.IsRemote() && r.Call == "" {
		// A helper that the engine started has the engine's login uid and session.
		login, session := procfs.Login()
		of.Caller = &audit.Caller{
			Login: login, Session: session, UID: os.Getuid(), EUID: os.Geteuid(), Terminal: procfs.ControllingTerminal(),
		}
	}
	return recorder.Begin(root, p.Audit.To, of, join.ForkWatchdog)
}

// endRecord writes the end record. If it fails there is only a warning: the command has already run.
func endRecord(record *recorder.Recorder, p *plan.Plan, ran outcome, status int, err error, to *messages) {
	e := audit.End{Status: cmp.Or(exit.Status(err), status)}
	if err != nil {
		e.Error = err.Error()
	}
	if ran.child != nil {
		e.PID = ran.child.PID
	}
	switch {
	case ran.forward && err == nil:
		e.Reason = audit.Exited
	case ran.child == nil && !ran.done:
		e.Reason = audit.Failed
	case ran.done:
		e.Reason = audit.Exited
	case p.Detach:
		e.Reason = audit.Detached
	case ran.left:
		e.Reason = audit.DetachKeys
	case ran.child.Signal != 0:
		e.Reason, e.Signal = audit.Signaled, ran.child.Signal
	default:
		e.Reason = audit.Exited
	}
	if err := record.End(e); err != nil {
		to.warn(fmt.Sprintf("the end of the join is not recorded: %v", err))
	}
}
