package plan_test

import (
	"reflect"
	"slices"
	"testing"

	"github.com/nsjoin/docker-nsjoin/pkg/ns"
	"github.com/nsjoin/docker-nsjoin/pkg/plan"
)

func TestWho(t *testing.T) {
	for _, row := range []struct {
		name      string
		take, own ns.Set
		bare      bool
		who       plan.Who
		root      bool
	}{
		{"in a container", ns.All(), docker(), false, plan.Container, false},
		{"in a container's file system alone", ns.SetOf(ns.Mnt), docker(), false, plan.Container, false},
		{"in a container with a user namespace", ns.All(), ns.All(), false, plan.Container, true},
		{"in a process's file system", ns.All(), docker(), true, plan.Bare, false},
		{"in a container's network", ns.SetOf(ns.Net), docker(), false, plan.Caller, false},
		{"in all but its file system", ns.All().Without(ns.SetOf(ns.Mnt)), docker(), false, plan.Caller, false},
		{"in a user namespace alone", ns.SetOf(ns.User), ns.All(), false, plan.Caller, true},
		{"in a container that has the host's file system", ns.All(), ns.SetOf(ns.Net), false, plan.Caller, false},
		{"in none", 0, ns.All(), false, plan.Caller, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			r, o := asked(), observed()
			r.Take, o.Base = row.take, process(webPID, row.own)
			if row.bare {
				o.TargetProcess.ContainerID = ""
			}
			got := made(t, r, o).Identity
			if got.Who != row.who || got.RootOfUserNamespace != row.root {
				t.Errorf("it is %s, root of a user namespace %v; want %s, %v", got.Who, got.RootOfUserNamespace, row.who, row.root)
			}
			if changed := got.Container != nil; changed != (row.who != plan.Caller) {
				t.Errorf("it is %s, and changed: %v", got.Who, changed)
			}
		})
	}
}

// A command with the caller's identity does not depend on a TargetProcess.
func TestCallerKeepsItsIdentity(t *testing.T) {
	r, o := asked(), observed()
	r.Take = ns.SetOf(ns.Net)
	with := made(t, r, o)
	o.TargetProcess = nil
	without := made(t, r, o)
	if !reflect.DeepEqual(with, without) {
		t.Errorf("a TargetProcess makes it\n%+v, not\n%+v", with, without)
	}
	if !slices.Equal(with.Identity.Env, r.CallerEnv) {
		t.Errorf("environment %q, want %q", with.Identity.Env, r.CallerEnv)
	}
}

func TestContainerIdentityIsThatOfDockerExec(t *testing.T) {
	o := observed()
	o.TargetProcess.Spec.AppArmor, o.TargetProcess.Spec.SELinux = "docker-default", ""
	o.TargetProcess.Spec.NoNewPrivileges = true
	caps := capSet("chown", "kill", "net_bind_service")
	want := &plan.ContainerIdentity{
		UID: 1000, GID: 1001, Groups: []uint32{1001, 20}, HostUID: 1000, Umask: 0o022,
		Capabilities:    plan.Capabilities{Bounding: caps, Permitted: caps, Effective: caps},
		NoNewPrivileges: true,
		Limits:          []plan.Limit{{Resource: nofile, Soft: 1024, Hard: 524288}},
		OOMScoreAdj:     -998,
		Undo:            plan.Undo{Securebits: true},
		AppArmor:        "docker-default",
		Keyring:         "_ses." + containerID,
		Filters:         o.TargetProcess.Filters,
		Seccomp:         []plan.FilterInfo{{Instructions: 12, Flags: 2}},
		Cgroups:         o.TargetProcess.Cgroups,
	}
	if got := made(t, asked(), o).Identity.Container; !reflect.DeepEqual(got, want) {
		t.Errorf("it is %+v\nwant %+v", got, want)
	}
}

func TestSpecHasPriorityOverStarter(t *testing.T) {
	umask, score := uint32(0o077), 500
	o := observed()
	o.TargetProcess.Spec.Umask, o.TargetProcess.Spec.OOMScoreAdj = &umask, &score
	got := made(t, asked(), o).Identity.Container
	if got.Umask != umask || got.OOMScoreAdj != score {
		t.Errorf("umask %#o, oom_score_adj %d; want %#o, %d", got.Umask, got.OOMScoreAdj, umask, score)
	}
	umask, score = 0, 0
	got = made(t, asked(), o).Identity.Container
	if got.Umask != 0 || got.OOMScoreAdj != 0 {
		t.Errorf("umask %#o, oom_score_adj %d; want the given zeros", got.Umask, got.OOMScoreAdj)
	}
}

func TestCPUsAreSetIfTheyDiffer(t *testing.T) {
	for _, row := range []struct{ starter, want []int }{
		{[]int{0, 1}, nil},
		{[]int{0}, []int{0}},
		{[]int{2, 3}, []int{2, 3}},
	} {
		o := observed()
		o.TargetProcess.Starter.CPUs = row.starter
		if got := made(t, asked(), o).Identity.Container.CPUs; !reflect.DeepEqual(got, row.want) {
			t.Errorf("the helper has CPUs 0 and 1, the starter %v: set are %v, want %v", row.starter, got, row.want)
		}
	}
}

func TestBareProcessHasNoKeyring(t *testing.T) {
	o := observed()
	o.TargetProcess.ContainerID = ""
	if got := made(t, asked(), o).Identity.Container.Keyring; got != "" {
		t.Errorf("the keyring is %q", got)
	}
}

func TestGroupsThatCannotBeSet(t *testing.T) {
	for _, row := range []struct {
		name   string
		own    ns.Set
		denied bool
		keep   bool
	}{
		{"a user namespace that allows them", ns.All(), false, false},
		{"a user namespace that denies them", ns.All(), true, true},
		{"a user namespace that is not joined", docker(), true, false},
	} {
		o := observed()
		o.Base, o.SetgroupsDenied = process(webPID, row.own), row.denied
		c := made(t, asked(), o).Identity.Container
		if c.KeepGroups != row.keep || (len(c.Groups) == 0) != row.keep {
			t.Errorf("%s: groups %v, kept %v", row.name, c.Groups, c.KeepGroups)
		}
	}
}

func TestUIDOnTheHost(t *testing.T) {
	ranges := []plan.IDRange{{Inside: 0, Outside: 100000, Count: 1000}, {Inside: 1000, Outside: 500, Count: 1}, {Inside: 2000, Outside: 4294967290, Count: 10}}
	for uid, want := range map[uint32]int64{
		0: 100000, 999: 100999, 1000: 500, 1001: -1, 1999: -1,
		2000: 4294967290,
		2009: 4294967299, // no kernel has such a map; it must not wrap around to another uid
		2010: -1, 4294967294: -1,
	} {
		o := observed()
		o.TargetProcess.UIDMap, o.TargetProcess.Spec.UID = ranges, uid
		if got := made(t, asked(), o).Identity.Container.HostUID; got != want {
			t.Errorf("uid %d is %d on the host, want %d", uid, got, want)
		}
	}
}

// Commands of docker exec inherit the signals that the shim ignores. For pid:N they are the program's
// choice and are not taken over.
func TestIgnoredSignals(t *testing.T) {
	for id, want := range map[string]uint64{observed().TargetProcess.ContainerID: 1 << 31, "": 0} {
		o := observed()
		o.TargetProcess.ContainerID, o.TargetProcess.Starter.Ignored = id, 1<<31
		if got := made(t, asked(), o).Identity.Container.IgnoredSignals; got != want {
			t.Errorf("container %q: signals %#x are ignored, want %#x", id, got, want)
		}
	}
}

// A command gets the label of the specification, else its starter's.
func TestLabel(t *testing.T) {
	for _, row := range []struct {
		spec               plan.Spec
		starter, own, want string
		step               bool
	}{
		{plan.Spec{AppArmor: "docker-default"}, "unconfined", "unconfined", "docker-default", true},
		{plan.Spec{AppArmor: "unconfined"}, "snap.docker.dockerd", "mine", "unconfined", true},
		{plan.Spec{}, "unconfined", "unconfined", "", false},
		{plan.Spec{}, "unconfined", "mine", "unconfined", true},
		{plan.Spec{}, "snap.docker.dockerd", "unconfined", "snap.docker.dockerd", true},
		{plan.Spec{}, "", "", "", false}, // no AppArmor
		{plan.Spec{SELinux: "a:b:c:s0"}, "", "", "", true},
		{plan.Spec{SELinux: "a:b:c:s0"}, "unconfined", "mine", "", true},
	} {
		o := observed()
		o.TargetProcess.Spec.AppArmor, o.TargetProcess.Spec.SELinux = row.spec.AppArmor, row.spec.SELinux
		o.TargetProcess.Starter.AppArmor, o.AppArmor = row.starter, row.own
		p := made(t, asked(), o)
		c := p.Identity.Container
		step := slices.ContainsFunc(p.Steps, func(s plan.Step) bool { return s.Op == plan.OpLabel })
		if c.AppArmor != row.want || c.SELinux != row.spec.SELinux || step != row.step {
			t.Errorf("%+v: AppArmor %q, SELinux %q, a label step: %v", row, c.AppArmor, c.SELinux, step)
		}
	}
}
