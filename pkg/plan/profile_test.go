package plan_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/nsjoin/docker-nsjoin/pkg/ns"
	"github.com/nsjoin/docker-nsjoin/pkg/plan"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

// A profile adds exactly what its name says, for root and for a user who keeps capabilities only as ambient ones.
func TestProfile(t *testing.T) {
	own := capSet("chown", "kill", "net_bind_service")
	all := own | capSet("sys_ptrace", "net_admin", "net_raw", "sys_admin", "setuid")
	for _, row := range []struct {
		profile  request.Profile
		added    plan.CapSet
		filtered bool
	}{
		{request.ProfileNone, 0, true},
		{request.ProfileContainer, 0, true},
		{request.ProfileTrace, capSet("sys_ptrace"), true},
		{request.ProfileNet, capSet("net_admin", "net_raw"), true},
		{request.ProfileAdmin, all, false},
	} {
		for _, uid := range []uint32{0, 1000} {
			r, o := asked(), observed()
			r.Profile, o.Capabilities = row.profile, all
			o.TargetProcess.Spec.UID = uid
			o.TargetProcess.Filters = []plan.Filter{{Program: allowing(3)}}
			o.Watchers = []plan.Watcher{{User: helper().Namespaces[ns.User], Capabilities: own, AnyID: true}}
			p, err := plan.New(r, o)
			if err != nil {
				t.Errorf("%s as %d: %v", row.profile, uid, err)
				continue
			}
			c := p.Identity.Container
			want := plan.Capabilities{Bounding: own | row.added, Permitted: own | row.added, Effective: own | row.added}
			if uid != 0 {
				want.Inheritable, want.Ambient = row.added, row.added
			}
			if c.Capabilities != want || (len(c.Filters) > 0) != row.filtered || (len(c.Seccomp) > 0) != row.filtered {
				t.Errorf("%s as %d: %+v with %d filters, want %+v", row.profile, uid, c.Capabilities, len(c.Filters), want)
			}
			named := slices.ContainsFunc(p.Identity.Rows(), func(pair [2]string) bool { return pair[0] == "profile" && pair[1] == row.profile.Describe() })
			if named != row.profile.Adds() {
				t.Errorf("%s as %d: the printed identity is %q", row.profile, uid, p.Identity.Rows())
			}
		}
	}
}

// What docker nsjoin itself lacks it cannot add, and it does not leave it out in silence.
func TestProfileThatCannotBeHad(t *testing.T) {
	r, o := asked(), observed()
	r.Profile, o.Capabilities = request.ProfileNet, capSet("net_raw", "sys_admin")
	o.Watchers = []plan.Watcher{{}}
	_, err := plan.New(r, o)
	if err == nil || !strings.Contains(err.Error(), "profile net: docker nsjoin itself lacks net_admin") || hintOf(err) == "" {
		t.Errorf("%v, hint %q", err, hintOf(err))
	}
}

// A container with CAP_SYS_PTRACE can take over whatever is in its pid namespace.
func TestProfileInReachOfTheContainer(t *testing.T) {
	for profile, refused := range map[request.Profile]bool{
		request.ProfileContainer: false,
		request.ProfileTrace:     false, // adds what the container has
		request.ProfileNet:       true,
		request.ProfileAdmin:     true,
	} {
		r, o := asked(), observed()
		tracer := capSet("chown", "kill", "net_bind_service", "sys_ptrace", "setuid", "setgid")
		r.Profile, o.Capabilities = profile, ^plan.CapSet(0)
		o.TargetProcess.Spec.UID = 0
		o.TargetProcess.Spec.Capabilities = plan.Capabilities{Bounding: tracer, Permitted: tracer, Effective: tracer}
		o.Watchers = []plan.Watcher{{User: o.Users[0].ID, Capabilities: tracer, AnyID: true}}
		_, err := plan.New(r, o)
		if (err != nil) != refused {
			t.Errorf("%s: %v, want refused %t", profile, err, refused)
		}
		r.TrustContainer = true
		if _, err := plan.New(r, o); err != nil {
			t.Errorf("%s, trusted: %v", profile, err)
		}
	}
}

// With more rights than the container's, a command executes nothing of the container's and takes nothing from its
// environment, in either kind of view.
func TestProfileTakesNothingOfTheContainers(t *testing.T) {
	for _, tree := range []request.Word{"", "/"} {
		for profile, closed := range map[request.Profile]bool{
			request.ProfileContainer: false, request.ProfileTrace: true, request.ProfileNet: true, request.ProfileAdmin: true,
		} {
			for _, trusted := range []bool{false, true} {
				r, o := asked(), observed()
				r.View = &request.View{Tools: []string{"ls"}, Tree: tree}
				r.Profile, r.TrustContainer, o.Capabilities = profile, trusted, ^plan.CapSet(0)
				o.Watchers = []plan.Watcher{{User: o.Users[0].ID}}
				p, err := plan.New(r, o)
				if err != nil {
					t.Errorf("%s: %v", profile, err)
					continue
				}
				forbids := slices.ContainsFunc(p.Steps, func(s plan.Step) bool { return s.Op == plan.OpNoExec })
				if want := closed && !trusted; p.View.NoExec != want || forbids != want {
					t.Errorf("%s with tree %q, trusted %t: noexec %t, step %t, want %t", profile, tree, trusted, p.View.NoExec, forbids, want)
				}
				if colored := slices.Contains(p.Identity.Env, "COLOR=blue"); colored == closed {
					t.Errorf("%s: environment %q", profile, p.Identity.Env)
				}
			}
		}
	}
}
