package plan

import (
	"fmt"
	"slices"

	"github.com/nsjoin/docker-nsjoin/pkg/audit"
	"github.com/nsjoin/docker-nsjoin/pkg/exit"
	"github.com/nsjoin/docker-nsjoin/pkg/ns"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

// New makes the plan for r from the facts in o. It returns an error, which names the source and
// the cause, if a fact is missing without which the command could get more rights than it should.
func New(r *request.Request, o *Observed) (*Plan, error) {
	rows, err := namespaces(r, o)
	if err != nil {
		return nil, err
	}
	p := &Plan{Target: r.Base.String(), Via: r.Via, Namespaces: rows, Detach: r.Detach, Remote: r.Client != nil}
	p.Audit = audit.Decide(r.Audit.Settings, o.Audit)
	if p.foreign(o) || p.Remote {
		if p.Streams, err = DecideStreams(r, o.Streams); err != nil {
			return nil, err
		}
		if p.Terminal && p.Input {
			p.DetachKeys = r.DetachKeys
		}
	}
	if p.foreign(o) {
		p.Identity, err = p.containerIdentity(r, o)
		if err != nil {
			return nil, fmt.Errorf("identity of %s: %w", r.Source(ns.Mnt).Quoted(), err)
		}
	} else {
		if r.User != "" {
			return nil, exit.Hint(fmt.Errorf("-u %s: a command in the host's file system runs as the caller", r.User),
				"change the user inside: setpriv --reuid USER COMMAND")
		}
		p.Identity = Identity{
			Who:                 p.hostIdentity(),
			Env:                 override(callerEnvironment(r.CallerEnv), r.Env),
			Dir:                 string(r.Dir),
			RootOfUserNamespace: p.Joined().Has(ns.User),
		}
	}
	p.Command, err = command(r, o.TargetProcess, &p.Identity)
	if err != nil {
		return nil, err
	}
	if err := p.orderFilter(o.TargetProcess); err != nil {
		return nil, err
	}
	p.Steps = steps(p, p.ownProc(r, o), o.ProcMounts)
	guarded, err := p.guard(r, o)
	if err != nil {
		return nil, err
	}
	last, err := p.guardLast(r.TrustContainer, o)
	if err != nil {
		return nil, err
	}
	p.Warnings = slices.Concat(p.Warnings, p.warnings(r, o), guarded, last)
	return p, nil
}
