package plan

import (
	"fmt"
	"slices"

	"github.com/nsjoin/docker-nsjoin/pkg/audit"
	"github.com/nsjoin/docker-nsjoin/pkg/ns"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

// New makes the plan for r from the facts in o. It returns an error, which names the source and
// the cause, if a fact is missing without which the command could get more rights than it should.
func New(r *request.Request, o *Observed) (*Plan, error) {
	if r.Forward != nil {
		return newForward(r, o)
	}
	rows, err := namespaces(r, o)
	if err != nil {
		return nil, err
	}
	p := &Plan{Target: r.Base.String(), Via: r.Via, Namespaces: rows, Detach: r.Detach, Remote: r.IsRemote(), Framed: r.Client != nil, Remove: removed(r, rows)}
	p.Audit = audit.Decide(r.Audit.Settings, o.Audit)
	if p.View, err = p.view(r, o); err != nil {
		return nil, err
	}
	if p.foreign(o) || p.Framed {
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
	} else if p.Identity, err = p.callerIdentity(r); err != nil {
		return nil, err
	}
	p.Command, err = command(r, o.TargetProcess, &p.Identity)
	if err != nil {
		return nil, err
	}
	if err := p.orderFilter(o.TargetProcess); err != nil {
		return nil, err
	}
	if p.Names, err = p.namesFor(r, o); err != nil {
		return nil, err
	}
	p.Steps = steps(p, p.ownProc(r, o), o.ProcMounts, p.naming(r, o))
	guarded, err := p.guard(r, o)
	if err != nil {
		return nil, err
	}
	last, err := p.guardLast(r.TrustContainer, o)
	if err != nil {
		return nil, err
	}
	p.Warnings = slices.Concat(p.Warnings, p.warnings(r, o), p.nameWarnings(r), guarded, last)
	return p, nil
}

// removed returns the file of a copy that the command does not see; "" if the command's file system is not the copy's.
func removed(r *request.Request, rows []Namespace) string {
	joins := slices.ContainsFunc(rows, func(n Namespace) bool { return n.Kind == ns.Mnt && n.Join })
	if !joins || r.Source(ns.Mnt) != r.Base {
		return ""
	}
	return string(r.Remove)
}
