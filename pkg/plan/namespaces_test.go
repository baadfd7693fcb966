package plan_test

import (
	"testing"

	"github.com/nsjoin/docker-nsjoin/pkg/ns"
	"github.com/nsjoin/docker-nsjoin/pkg/plan"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

func TestJoinedNamespaces(t *testing.T) {
	app := process(appPID, ns.All())
	for _, row := range []struct {
		name      string
		take      ns.Set
		overrides map[ns.Kind]plan.Process
		base      plan.Process
		want      ns.Set
	}{
		{"all of web, except shared ones", ns.All(), nil, process(webPID, docker()), docker()},
		{"web with a user namespace", ns.All(), nil, process(webPID, ns.All()), ns.All()},
		{"--only net", ns.SetOf(ns.Net), nil, process(webPID, docker()), ns.SetOf(ns.Net)},
		{
			"--except mnt",
			ns.All().Without(ns.SetOf(ns.Mnt)), nil, process(webPID, docker()), docker().Without(ns.SetOf(ns.Mnt)),
		},
		{"--only user and none of its own", ns.SetOf(ns.User), nil, process(webPID, docker()), 0},
		{"docker run --net host", ns.All(), nil, process(webPID, ns.SetOf(ns.Mnt)), ns.SetOf(ns.Mnt)},
		{"the host", ns.All(), nil, helper(), 0},
		{"none", 0, nil, process(webPID, ns.All()), 0},
		{
			"--net container:app --only uts",
			ns.SetOf(ns.UTS),
			map[ns.Kind]plan.Process{ns.Net: app},
			process(webPID, docker()), ns.SetOf(ns.Net, ns.UTS),
		},
		{
			"--net host",
			ns.All(),
			map[ns.Kind]plan.Process{ns.Net: helper()},
			process(webPID, docker()), docker().Without(ns.SetOf(ns.Net)),
		},
		{
			"--net container:app, and app shares the helper's",
			ns.All(),
			map[ns.Kind]plan.Process{ns.Net: process(appPID, ns.SetOf(ns.Mnt))},
			process(webPID, docker()), docker().Without(ns.SetOf(ns.Net)),
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			r, o := asked(), observed()
			r.Take, o.Base, o.Overrides = row.take, row.base, row.overrides
			r.Overrides = make(map[ns.Kind]request.Source)
			for k := range row.overrides {
				r.Overrides[k] = source("app")
			}
			if got := made(t, r, o).Joined(); got != row.want {
				t.Errorf("joined are %q, want %q", got, row.want)
			}
		})
	}
}

func TestEveryKindHasARow(t *testing.T) {
	r, o := asked(), observed()
	r.Take = ns.All().Without(ns.SetOf(ns.IPC))
	r.Overrides = map[ns.Kind]request.Source{ns.Net: source("app"), ns.UTS: request.Host()}
	o.Overrides = map[ns.Kind]plan.Process{ns.Net: process(appPID, docker()), ns.UTS: helper()}
	own, web, app := helper().Namespaces, o.Base.Namespaces, o.Overrides[ns.Net].Namespaces
	want := []plan.Namespace{
		{Kind: ns.Cgroup, Source: "web", PID: webPID, ID: web[ns.Cgroup], Join: true},
		{Kind: ns.IPC, Source: "host", ID: own[ns.IPC]},
		{Kind: ns.Mnt, Source: "web", PID: webPID, ID: web[ns.Mnt], Join: true},
		{Kind: ns.Net, Source: "app", PID: appPID, ID: app[ns.Net], Join: true},
		{Kind: ns.PID, Source: "web", PID: webPID, ID: web[ns.PID], Join: true},
		{Kind: ns.Time, Source: "web", ID: own[ns.Time]},
		{Kind: ns.User, Source: "web", ID: own[ns.User]},
		{Kind: ns.UTS, Source: "host", ID: own[ns.UTS]},
	}
	got := made(t, r, o).Namespaces
	if len(got) != len(want) {
		t.Fatalf("%d rows, want %d", len(got), len(want))
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("row %+v\nwant %+v", got[i], want[i])
		}
	}
}

// Namespaces on two devices can have the same inode number.
func TestNamespacesOnDifferentDevicesDiffer(t *testing.T) {
	r, o := asked(), observed()
	id := o.Self.Namespaces[ns.Time]
	o.Base.Namespaces[ns.Time] = ns.ID{Dev: id.Dev + 1, Ino: id.Ino}
	if !made(t, r, o).Joined().Has(ns.Time) {
		t.Error("it is taken for the helper's own")
	}
}

// An old kernel has no time namespaces, and no /proc/PID/ns/time.
func TestKindThatTheKernelLacksIsNotJoined(t *testing.T) {
	r, o := asked(), observed()
	delete(o.Self.Namespaces, ns.Time)
	delete(o.Base.Namespaces, ns.Time)
	if got := made(t, r, o).Joined(); got != docker() {
		t.Errorf("joined are %q, want %q", got, docker())
	}
}

// A zombie has a pid and a pidfd, but only some namespaces. It must not count as a process that
// shares the helper's.
func TestSourceThatHasEndedIsRefused(t *testing.T) {
	for _, k := range ns.Kinds() {
		o := observed()
		delete(o.Base.Namespaces, k)
		p, err := plan.New(asked(), o)
		if want := `"web" has no ` + k.String() + " namespace: the process has ended"; err == nil || err.Error() != want {
			t.Errorf("without %s: %v, %v; want %s", k, p, err, want)
		}
	}
}

func TestSourceNeedsOnlyTheJoinedKinds(t *testing.T) {
	r, o := asked(), observed()
	r.Take, r.Overrides = ns.SetOf(ns.Net), map[ns.Kind]request.Source{ns.UTS: source("app")}
	delete(o.Base.Namespaces, ns.IPC)
	o.Overrides = map[ns.Kind]plan.Process{ns.UTS: process(appPID, docker())}
	if got, want := made(t, r, o).Joined(), ns.SetOf(ns.Net, ns.UTS); got != want {
		t.Errorf("joined are %q, want %q", got, want)
	}
	delete(o.Overrides[ns.UTS].Namespaces, ns.UTS)
	p, err := plan.New(r, o)
	if want := `"app" has no uts namespace: the process has ended`; err == nil || err.Error() != want {
		t.Errorf("%v, %v; want %s", p, err, want)
	}
}

func TestNeedsTargetProcess(t *testing.T) {
	for _, row := range []struct {
		own  ns.Set
		want bool
	}{
		{ns.All(), true},
		{ns.SetOf(ns.Mnt), true},
		{ns.All().Without(ns.SetOf(ns.Mnt)), false},
		{0, false},
	} {
		if got := plan.NeedsTargetProcess(helper(), process(webPID, row.own)); got != row.want {
			t.Errorf("of a process with its own %q: %v, want %v", row.own, got, row.want)
		}
	}
}
