package plan_test

import (
	"slices"
	"testing"

	"github.com/nsjoin/docker-nsjoin/pkg/ns"
	"github.com/nsjoin/docker-nsjoin/pkg/plan"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

// /proc shows the pid namespace of the process that mounted it. If the command has another one, a new
// /proc is mounted, or a warning says what /proc shows.
func TestProcIsMountedOrWarnedAbout(t *testing.T) {
	const ofWeb, ofHost, wayOut = `/proc, and so ps, shows the processes of "web"`,
		"/proc, and so ps, shows the processes of the host", "; --mnt private mounts a new one"
	onHost := func(r *request.Request, o *plan.Observed) { r.Base, o.Base = request.Host(), o.Self }
	for _, row := range []struct {
		name      string
		overrides map[ns.Kind]request.Source
		vary      func(*request.Request, *plan.Observed)
		mounted   bool
		warning   string
	}{
		{"all of web", nil, nil, false, ""},
		{"web, but --pid container:app", map[ns.Kind]request.Source{ns.PID: source("app")}, nil, false, ofWeb},
		{"web, but --pid private", map[ns.Kind]request.Source{ns.PID: private()}, nil, false, ofWeb},
		{"a copy of web's mounts", map[ns.Kind]request.Source{ns.PID: private(), ns.Mnt: private()}, nil, false, ofWeb},
		{"web, but --pid host", map[ns.Kind]request.Source{ns.PID: request.Host()}, nil, false, ofWeb},
		{"web, but --mnt host", map[ns.Kind]request.Source{ns.Mnt: request.Host()}, nil, false, ofHost + wayOut},
		{"web, but --mnt ns:PATH of the host's", map[ns.Kind]request.Source{ns.Mnt: file("/m")}, func(_ *request.Request, o *plan.Observed) {
			o.Paths[ns.Mnt] = plan.PathNamespace{Kind: ns.Mnt, ID: o.Self.Namespaces[ns.Mnt]}
		}, false, "/proc, and so ps, shows the processes of ns:/m" + wayOut},
		{"the host", nil, onHost, false, ""},
		{"the host with --mnt private", map[ns.Kind]request.Source{ns.Mnt: private()}, onHost, false, ""},
		{"--pid container:app on the host", map[ns.Kind]request.Source{ns.PID: source("app")}, onHost, true, ""},
		{"--pid private on the host", map[ns.Kind]request.Source{ns.PID: private()}, onHost, true, ""},
		{"--pid ns:PATH on the host", map[ns.Kind]request.Source{ns.PID: file("/p")}, onHost, true, ""},
		{"web, but --except mnt", nil, func(r *request.Request, _ *plan.Observed) {
			r.Take = r.Take.Without(ns.SetOf(ns.Mnt))
		}, true, ""},
		{"--only net web", nil, func(r *request.Request, _ *plan.Observed) { r.Take = ns.SetOf(ns.Net) }, false, ""},
		{"a process with the host's mounts", nil, func(r *request.Request, o *plan.Observed) {
			r.Base, o.Base = request.Source{From: request.FromPID, PID: webPID}, process(webPID, ns.SetOf(ns.PID))
		}, true, ""},
		{"--only pid, and the helper in a container", nil, func(r *request.Request, o *plan.Observed) {
			r.Take, o.Host = ns.SetOf(ns.PID), process(77, ns.SetOf(ns.Mnt))
		}, true, ""},
		{"--pid container:app --mnt host", map[ns.Kind]request.Source{ns.PID: source("app"), ns.Mnt: request.Host()}, onHost, false, ofHost + wayOut},
		{"--pid container:app --mnt private", map[ns.Kind]request.Source{ns.PID: source("app"), ns.Mnt: private()}, onHost, true, ""},
		{"--pid private --mnt private", map[ns.Kind]request.Source{ns.PID: private(), ns.Mnt: private()}, onHost, true, ""},
		{
			"--pid private --mnt private --userns private",
			map[ns.Kind]request.Source{ns.PID: private(), ns.Mnt: private(), ns.User: private()},
			onHost, true, "",
		},
		{
			"a pid namespace that the new user namespace does not own",
			map[ns.Kind]request.Source{ns.PID: source("app"), ns.Mnt: private(), ns.User: private()},
			onHost, false, ofHost,
		},
		{
			"the same without --mnt",
			map[ns.Kind]request.Source{ns.PID: source("app"), ns.User: private()},
			onHost, false, ofHost,
		},
		{
			"a pid namespace that the joined user namespace owns",
			map[ns.Kind]request.Source{ns.PID: source("app"), ns.Mnt: private(), ns.User: source("app")},
			func(r *request.Request, o *plan.Observed) {
				onHost(r, o)
				app := process(appPID, ns.All())
				o.Overrides[ns.PID], o.Overrides[ns.User] = app, app
				o.Owners = map[ns.Kind]ns.ID{ns.PID: app.Namespaces[ns.User]}
			},
			true, "",
		},
		{
			"a pid namespace that the joined user namespace does not own",
			map[ns.Kind]request.Source{ns.PID: source("app"), ns.Mnt: private(), ns.User: source("app")},
			func(r *request.Request, o *plan.Observed) {
				onHost(r, o)
				o.Overrides[ns.User] = process(appPID, ns.All())
				o.Owners = map[ns.Kind]ns.ID{ns.PID: o.Self.Namespaces[ns.User]}
			},
			false, ofHost,
		},
	} {
		r, o := mixed(row.overrides)
		if row.vary != nil {
			row.vary(r, o)
		}
		p := made(t, r, o)
		mounted := slices.ContainsFunc(p.Steps, func(s plan.Step) bool { return s.Op == plan.OpProc })
		if mounted != row.mounted {
			t.Errorf("%s: /proc is mounted: %v", row.name, mounted)
		}
		if got := warningOf(p, "/proc"); got != row.warning {
			t.Errorf("%s: %q, want %q", row.name, got, row.warning)
		}
	}
}

// A container's program that can see the host's processes is warned about, unless all of the container's can.
func TestWarningAboutTheHostsProcesses(t *testing.T) {
	const want = `the command runs among the host's processes: a program of "web" can see all of them, and signal and open those that its user and capabilities allow`
	hosts := map[ns.Kind]request.Source{ns.PID: request.Host()}
	for _, row := range []struct {
		name      string
		overrides map[ns.Kind]request.Source
		vary      func(*request.Request, *plan.Observed)
		want      string
	}{
		{"all of web", nil, nil, ""},
		{"--pid host web", hosts, nil, want},
		{"--except pid web", nil, func(r *request.Request, _ *plan.Observed) { r.Take = r.Take.Without(ns.SetOf(ns.PID)) }, want},
		{"--only mnt web", nil, func(r *request.Request, _ *plan.Observed) { r.Take = ns.SetOf(ns.Mnt) }, want},
		{"a copy of web's mounts", map[ns.Kind]request.Source{ns.PID: request.Host(), ns.Mnt: private()}, nil, want},
		{"--pid ns:PATH of the host's", map[ns.Kind]request.Source{ns.PID: file("/p")}, func(_ *request.Request, o *plan.Observed) {
			o.Paths[ns.PID] = plan.PathNamespace{Kind: ns.PID, ID: o.Self.Namespaces[ns.PID]}
		}, want},
		{"--pid private web", map[ns.Kind]request.Source{ns.PID: private()}, nil, ""},
		{"--pid container:app web", map[ns.Kind]request.Source{ns.PID: source("app")}, nil, ""},
		{"--only net web", nil, func(r *request.Request, _ *plan.Observed) { r.Take = ns.SetOf(ns.Net) }, ""},
		{"web of docker run --pid host", nil, func(_ *request.Request, o *plan.Observed) {
			o.Base.Namespaces[ns.PID] = o.Self.Namespaces[ns.PID]
		}, ""},
	} {
		r, o := mixed(row.overrides)
		if row.vary != nil {
			row.vary(r, o)
		}
		if got := warningOf(made(t, r, o), "the command runs among"); got != row.want {
			t.Errorf("%s: %q, want %q", row.name, got, row.want)
		}
	}
}

func TestWarningAboutMissingRights(t *testing.T) {
	for _, row := range []struct {
		name      string
		overrides map[ns.Kind]request.Source
		owns      ns.Set // what web's user namespace owns
		want      string
	}{
		{"web owns all", nil, docker(), ""},
		{
			"another owns web's network",
			nil, docker().Without(ns.SetOf(ns.Net)), "the command has no rights over net, which another user namespace owns",
		},
		{
			"another owns app's",
			map[ns.Kind]request.Source{ns.Net: source("app"), ns.IPC: source("app")},
			docker().Without(ns.SetOf(ns.Net, ns.IPC)), "the command has no rights over ipc,net, which another user namespace owns",
		},
		{"new ones", map[ns.Kind]request.Source{ns.Net: private(), ns.UTS: private()}, docker(), ""},
	} {
		r, o := mixed(row.overrides)
		own(o)
		o.Owners = make(map[ns.Kind]ns.ID)
		for _, k := range ns.Kinds() {
			if o.Owners[k] = o.Self.Namespaces[ns.User]; row.owns.Has(k) {
				o.Owners[k] = o.Base.Namespaces[ns.User]
			}
		}
		if got := warningOf(made(t, r, o), "the command has no rights"); got != row.want {
			t.Errorf("%s: %q, want %q", row.name, got, row.want)
		}
	}
}

// warningOf returns the warning with a prefix, or "".
func warningOf(p *plan.Plan, begin string) string {
	for _, w := range p.Warnings {
		if len(w) >= len(begin) && w[:len(begin)] == begin {
			return w
		}
	}
	return ""
}
