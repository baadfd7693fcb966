package plan_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/nsjoin/docker-nsjoin/pkg/ns"
	"github.com/nsjoin/docker-nsjoin/pkg/plan"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

// Random combinations of kinds and sources lead to one of the known refusals, or to a plan whose order
// the kernel accepts. A sample of them runs on the real kernel in plugin/helper. The seeds are fixed.
func TestAnyMix(t *testing.T) {
	count := make(map[string]int)
	for seed := range uint64(20000) {
		random := rand.New(rand.NewPCG(seed, 5))
		r, o := anyMix(random)
		why := reason(r, o)
		p, err := plan.New(r, o)
		switch {
		case err != nil && (why == "" || !strings.Contains(err.Error(), why)):
			t.Fatalf("seed %d: refused with %v; it is to be %q", seed, err, why)
		case err != nil:
			count[why]++
			continue
		case why != "":
			t.Fatalf("seed %d: it isn't refused: %s\n%s", seed, why, p)
		}
		if err := errors.Join(accepted(p, o), slave(p, r, o)); err != nil {
			t.Fatalf("seed %d: %v\nrequest %+v\n%s", seed, err, r, p)
		}
		if slices.ContainsFunc(p.Steps, func(s plan.Step) bool { return s.Op == plan.OpSlave }) {
			count["slaves"]++
		}
		count["planned"]++
	}
	for _, what := range []string{"planned", "slaves", notDescendant, mountFile, otherKind, ownIDs} {
		if count[what] < 200 {
			t.Errorf("%q came up %d times only", what, count[what])
		}
	}
}

// The known refusals.
const (
	notDescendant = "not a descendant of the caller's pid namespace"
	mountFile     = "cannot take the mount namespace from a file"
	otherKind     = "the file is a namespace of kind"
	ownIDs        = "its files belong to ids of its own user namespace"
)

// reason returns why a request must be refused, the first of several reasons; "" for none.
func reason(r *request.Request, o *plan.Observed) string {
	for _, k := range ns.Kinds() {
		if p, ok := o.Paths[k]; ok && p.Kind != k {
			return otherKind
		}
	}
	id := func(k ns.Kind) ns.ID { return idOf(r, o, k) }
	mounts := processOf(r, o, ns.Mnt)
	foreign := id(ns.Mnt) != o.Self.Namespaces[ns.Mnt]
	switch {
	case foreign && o.Paths[ns.Mnt] != (plan.PathNamespace{}):
		return mountFile
	case o.PIDUnreachable && id(ns.PID) != o.Self.Namespaces[ns.PID]:
		return notDescendant
	case foreign && mounts.Namespaces[ns.User] != o.Self.Namespaces[ns.User] &&
		(r.New(ns.User) || id(ns.User) != mounts.Namespaces[ns.User]):
		return ownIDs
	}
	return ""
}

// idOf returns the namespace that is joined for kind k, or the helper's.
func idOf(r *request.Request, o *plan.Observed, k ns.Kind) ns.ID {
	if p, ok := o.Paths[k]; ok {
		return p.ID
	}
	return processOf(r, o, k).Namespaces[k]
}

func processOf(r *request.Request, o *plan.Observed, k ns.Kind) plan.Process {
	if p, ok := o.Overrides[k]; ok {
		return p
	}
	begins := !r.New(k) || k == ns.Mnt || k == ns.UTS || k == ns.Time // a copy
	if _, file := o.Paths[k]; !file && begins && r.Take.Has(k) {
		return o.Base
	}
	return o.Self
}

// accepted simulates the steps like the kernel, with the rights and the namespaces that the process
// has at each step.
//
//nolint:gocognit // one case an operation, each read alone
func accepted(p *plan.Plan, o *plan.Observed) error {
	user := o.Self.Namespaces[ns.User] // it has rights over what this owns; over all, if it is the helper's
	var joined, pending ns.Set
	var done []plan.Op
	has := func(op plan.Op) bool {
		return slices.Contains(done, op)
	}
	newMounts := func() bool { return has(plan.OpMounts) != has(plan.OpSlave) }
	last := func() plan.Op {
		if len(done) == 0 {
			return 0
		}
		return done[len(done)-1]
	}
	fail := func(s plan.Step) error { return fmt.Errorf("%s %q after %v", s.Op, s.Kinds, done) }
	for _, s := range p.Steps {
		switch s.Op {
		case plan.OpJoin:
			if s.Kinds == 0 || joined&s.Kinds != 0 || joined.Has(ns.User) || has(plan.OpUnshare) || has(plan.OpFork) ||
				s.PID == 0 && len(s.Kinds.Kinds()) != 1 {
				return fail(s)
			}
			joined |= s.Kinds
			pending |= s.Kinds
			if s.Kinds.Has(ns.User) {
				user = idOfRow(p, ns.User)
			}
		case plan.OpCgroups:
			if has(plan.OpJoin) || has(plan.OpUnshare) || has(plan.OpUser) || p.Identity.Container == nil {
				return fail(s)
			}
		case plan.OpUnshare:
			needsCgroups := p.Identity.Container != nil && len(p.Identity.Container.Cgroups) > 0
			if s.Kinds != p.Made() || s.Kinds == 0 || has(plan.OpUnshare) || has(plan.OpFork) || has(plan.OpUser) ||
				needsCgroups != has(plan.OpCgroups) {
				return fail(s)
			}
			pending |= s.Kinds
		case plan.OpMap:
			if last() != plan.OpUnshare || !p.Made().Has(ns.User) {
				return fail(s)
			}
		case plan.OpMounts, plan.OpSlave:
			if last() != plan.OpUnshare && last() != plan.OpMap || !p.Made().Has(ns.Mnt) {
				return fail(s)
			}
		case plan.OpFork:
			if !pending.Has(ns.PID) && !pending.Has(ns.Time) && p.Identity.Container == nil {
				return fail(s)
			}
			pending = pending.Without(ns.SetOf(ns.PID, ns.Time))
		case plan.OpProc:
			mayMount := p.Made().Has(ns.PID) || !p.Made().Has(ns.User) &&
				(user == o.Self.Namespaces[ns.User] || o.Owners[ns.PID] == user)
			if !has(plan.OpFork) || !newMounts() || p.Identity.Container != nil || !mayMount {
				return fail(s)
			}
		case plan.OpSettle:
			if pending.Has(ns.PID) || pending.Has(ns.Time) || joined != p.Joined() || p.Made() != 0 != has(plan.OpUnshare) ||
				p.Made().Has(ns.User) != has(plan.OpMap) || p.Made().Has(ns.Mnt) != newMounts() {
				return fail(s)
			}
		}
		done = append(done, s.Op)
	}
	if last() != plan.OpExec || !has(plan.OpSettle) {
		return fmt.Errorf("it ends with %v", done)
	}
	return nil
}

// slave checks new mounts that were not requested: they are slaves of the host's, have a new /proc, and
// are made only for another pid namespace without a requested source of mnt.
func slave(p *plan.Plan, r *request.Request, o *plan.Observed) error {
	has := func(op plan.Op) bool {
		return slices.ContainsFunc(p.Steps, func(s plan.Step) bool { return s.Op == op })
	}
	_, said := r.Overrides[ns.Mnt]
	made := p.Made().Has(ns.Mnt) && !r.New(ns.Mnt)
	switch {
	case made != has(plan.OpSlave), made && !has(plan.OpProc), r.New(ns.Mnt) != has(plan.OpMounts):
		return fmt.Errorf("new mounts that were not requested: %v, the steps differ", made)
	case made && (said || p.Identity.Container != nil):
		return fmt.Errorf("new mounts that were not requested instead of others")
	case made && idOfRow(p, ns.PID) == o.Self.Namespaces[ns.PID] && !r.New(ns.PID):
		return fmt.Errorf("a new /proc of the host's processes")
	}
	return nil
}

func idOfRow(p *plan.Plan, k ns.Kind) ns.ID {
	for _, n := range p.Namespaces {
		if n.Kind == k {
			return n.ID
		}
	}
	return ns.ID{}
}

func anyMix(random *rand.Rand) (*request.Request, *plan.Observed) {
	r, o := asked(), observed()
	r.Take, r.Overrides = anySet(random), make(map[ns.Kind]request.Source)
	o.Base = anyOf(random, helper(), process(webPID, docker()), process(webPID, ns.All()), process(webPID, ns.SetOf(ns.Net, ns.User)))
	o.Overrides, o.Paths = make(map[ns.Kind]plan.Process), make(map[ns.Kind]plan.PathNamespace)
	o.PIDUnreachable = oneIn(random, 10)
	for _, k := range ns.Kinds() {
		from := anyOf(random, process(appPID, docker()), process(appPID, ns.All()))
		switch random.IntN(8) {
		case 0:
			r.Overrides[k], o.Overrides[k] = request.Host(), o.Self
		case 1:
			r.Overrides[k], o.Overrides[k] = source("app"), from
		case 2:
			r.Overrides[k] = file("/file")
			o.Paths[k] = plan.PathNamespace{Kind: k, ID: anyOf(random, from, o.Self).Namespaces[k]}
			if oneIn(random, 20) {
				o.Paths[k] = plan.PathNamespace{Kind: anyOf(random, ns.Kinds()...)}
			}
		case 3:
			r.Overrides[k] = private()
		}
	}
	o.Owners = make(map[ns.Kind]ns.ID)
	for _, k := range ns.Kinds() {
		o.Owners[k] = anyOf(random, o.Self, o.Base, process(appPID, ns.All())).Namespaces[ns.User]
	}
	return r, o
}
