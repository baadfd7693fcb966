package plan_test

import (
	"math/rand/v2"
	"path"
	"slices"
	"testing"

	"github.com/nsjoin/docker-nsjoin/pkg/ns"
	"github.com/nsjoin/docker-nsjoin/pkg/plan"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

// Random requests and facts lead to a plan whose invariants hold, or to one of the known refusals. The
// seeds are fixed.
func TestAnyPlan(t *testing.T) {
	var planned, refused, contained, called, rooted, several int
	for seed := range uint64(20000) {
		random := rand.New(rand.NewPCG(seed, 1))
		r, o := anyRequest(random), anyObserved(random)
		o.Overrides = anyOverrides(random, r)
		joins := expectedJoins(r, o)
		p, err := plan.New(r, o)
		if err != nil {
			refused++
			if !refusable(r, o, joins) {
				t.Fatalf("seed %d: refused with %v", seed, err)
			}
			continue
		}
		planned++
		if p.Identity.Container != nil {
			contained++
		} else {
			called++
		}
		if p.Joined().Has(ns.User) {
			rooted++
		}
		if countJoins(p) > 1 {
			several++
		}
		checkJoins(t, p, o, joins)
		checkIdentity(t, p, r, o)
		checkSession(t, p, r)
		checkEnd(t, p)
		if t.Failed() {
			t.Fatalf("seed %d: request %+v\nobserved %+v\n%s", seed, r, o, p)
		}
	}
	// Checks are void if a case never occurs.
	for name, n := range map[string]int{
		"plans": planned, "refusals": refused, "containers": contained, "callers": called,
		"user namespaces": rooted, "joins of several processes": several,
	} {
		if n < 1000 {
			t.Errorf("only %d %s occurred", n, name)
		}
	}
}

// expectedJoins returns the process that each kind must be joined from.
func expectedJoins(r *request.Request, o *plan.Observed) map[ns.Kind]int {
	joins := make(map[ns.Kind]int)
	for _, k := range ns.Kinds() {
		from := o.Self
		if r.Take.Has(k) {
			from = o.Base
		}
		if p, ok := o.Overrides[k]; ok {
			from = p
		}
		if from.Namespaces[k] != o.Self.Namespaces[k] {
			joins[k] = from.PID
		}
	}
	return joins
}

func refusable(r *request.Request, o *plan.Observed, joins map[ns.Kind]int) bool {
	if len(r.Command) > 0 && r.Command[0] == "" || ended(r, o) || otherIDs(r, o) {
		return true
	}
	if _, contained := joins[ns.Mnt]; !contained {
		return r.User != ""
	}
	s := o.TargetProcess
	return s == nil || s.AccountErr != nil || r.Dir == "srv" ||
		s.FiltersErr != nil || s.Spec.Seccomp && len(s.Filters) == 0 ||
		!r.Detach && r.Terminal == request.TerminalAlways && r.Interactive && !o.Streams.InputTerminal
}

// otherIDs reports whether the mounts have a user namespace that the command is not in.
func otherIDs(r *request.Request, o *plan.Observed) bool {
	from := func(k ns.Kind) plan.Process {
		if p, ok := o.Overrides[k]; ok {
			return p
		}
		if r.Take.Has(k) {
			return o.Base
		}
		return o.Self
	}
	mounts, own := from(ns.Mnt).Namespaces, o.Self.Namespaces
	return mounts[ns.Mnt] != own[ns.Mnt] && mounts[ns.User] != own[ns.User] &&
		mounts[ns.User] != from(ns.User).Namespaces[ns.User]
}

// ended reports whether the base lacks a namespace that would be joined.
func ended(r *request.Request, o *plan.Observed) bool {
	for _, k := range r.Take.Kinds() {
		_, other := o.Overrides[k]
		if _, ok := o.Base.Namespaces[k]; !ok && !other {
			return true
		}
	}
	return false
}

func countJoins(p *plan.Plan) int {
	n := 0
	for _, s := range p.Steps {
		if s.Op == plan.OpJoin {
			n++
		}
	}
	return n
}

// checkJoins checks that exactly the expected kinds are joined, each in one step from the expected
// process, each process only once, and the user namespace last.
func checkJoins(t *testing.T, p *plan.Plan, o *plan.Observed, joins map[ns.Kind]int) {
	t.Helper()
	var kinds ns.Set
	var processes []int
	for _, s := range p.Steps {
		if s.Op != plan.OpJoin {
			continue
		}
		if s.Kinds == 0 || kinds&s.Kinds != 0 || slices.Contains(processes, s.PID) {
			t.Errorf("%q of %d are joined after %q of %v", s.Kinds, s.PID, kinds, processes)
		}
		if kinds.Has(ns.User) {
			t.Errorf("%q is joined after user", s.Kinds)
		}
		for _, k := range s.Kinds.Kinds() {
			if pid, ok := joins[k]; !ok || pid != s.PID {
				t.Errorf("%s is joined from %d, want %d", k, s.PID, pid)
			}
		}
		kinds |= s.Kinds
		processes = append(processes, s.PID)
	}
	if kinds != p.Joined() || len(kinds.Kinds()) != len(joins) {
		t.Errorf("the steps join %q, the rows %q, wanted are %v", kinds, p.Joined(), joins)
	}
	for _, n := range p.Namespaces {
		if own := n.ID == o.Self.Namespaces[n.Kind]; n.Join == own {
			t.Errorf("%s is the helper's own: %v, and joined: %v", n.Kind, own, n.Join)
		}
	}
}

// checkIdentity checks that a command in a container's file system has the container's identity and no
// further rights, or with --privileged at most the helper's, and that others keep the caller's identity.
func checkIdentity(t *testing.T, p *plan.Plan, r *request.Request, o *plan.Observed) {
	t.Helper()
	c := p.Identity.Container
	contained := p.Joined().Has(ns.Mnt)
	if (c != nil) != contained || (p.Identity.Who == plan.Caller) == contained {
		t.Errorf("mnt is joined: %v, and it is %s", contained, p.Identity.Who)
	}
	if p.Identity.RootOfUserNamespace != p.Joined().Has(ns.User) {
		t.Errorf("root of the user namespace: %v", p.Identity.RootOfUserNamespace)
	}
	if c == nil {
		return
	}
	s, filters := o.TargetProcess.Spec, len(o.TargetProcess.Filters)
	if r.Privileged {
		all := o.Capabilities
		s.Capabilities = plan.Capabilities{Bounding: all, Permitted: all, Effective: all}
	}
	for _, pair := range [][2]plan.CapSet{
		{c.Capabilities.Effective, s.Capabilities.Effective},
		{c.Capabilities.Permitted, s.Capabilities.Permitted},
		{c.Capabilities.Bounding, s.Capabilities.Bounding},
		{c.Capabilities.Inheritable, s.Capabilities.Inheritable},
		{c.Capabilities.Ambient, s.Capabilities.Ambient},
	} {
		if more := pair[0] &^ pair[1]; more != 0 {
			t.Errorf("it has %v in addition to those allowed", more.Names())
		}
	}
	if s.NoNewPrivileges && !c.NoNewPrivileges {
		t.Error("no_new_privs is lost")
	}
	if len(c.Filters) != filters {
		t.Errorf("%d filters of %d", len(c.Filters), filters)
	}
	if !path.IsAbs(p.Identity.Dir) {
		t.Errorf("its directory is %q", p.Identity.Dir)
	}
	if c.UID != s.UID || c.GID != s.GID {
		t.Errorf("it is uid %d, gid %d; want %d, %d", c.UID, c.GID, s.UID, s.GID)
	}
}

// checkSession checks that a detached command has no input, that one with another identity or none
// waiting for it leads a session, and that only a terminal with input has detach keys.
func checkSession(t *testing.T, p *plan.Plan, r *request.Request) {
	t.Helper()
	var session, terminal bool
	for _, s := range p.Steps {
		session = session || s.Op == plan.OpSession
		terminal = terminal || s.Op == plan.OpTerminal
	}
	if want := r.Detach || p.Identity.Container != nil; session != want || p.Detach != r.Detach {
		t.Errorf("a session: %v, want %v; detached: %v, want %v", session, want, p.Detach, r.Detach)
	}
	if terminal != p.Terminal || terminal && p.Identity.Container == nil || p.Detach && p.Input {
		t.Errorf("a terminal: %v, in the steps %v, of %s, detached: %v", p.Terminal, terminal, p.Identity.Who, p.Detach)
	}
	if len(p.DetachKeys) > 0 && !terminal {
		t.Errorf("detach keys %v without a terminal", p.DetachKeys)
	}
}

// checkEnd checks that the namespaces are verified just before the file is found and executed.
func checkEnd(t *testing.T, p *plan.Plan) {
	t.Helper()
	var last []plan.Op
	for _, s := range p.Steps[len(p.Steps)-3:] {
		last = append(last, s.Op)
	}
	if !slices.Equal(last, []plan.Op{plan.OpSettle, plan.OpFind, plan.OpExec}) {
		t.Errorf("it ends with %v", last)
	}
	if p.Command.Args[0] == "" {
		t.Error("there is nothing to run")
	}
}
