package plan_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/nsjoin/docker-nsjoin/pkg/exit"
	"github.com/nsjoin/docker-nsjoin/pkg/ns"
	"github.com/nsjoin/docker-nsjoin/pkg/plan"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

// hostBesideWeb is a shell of the host's, with web's files at /target.
func hostBesideWeb() (*request.Request, *plan.Observed) {
	r, o := asked(), observed()
	r.Command, r.Dir = []string{"sh"}, "/home/me"
	r.Take = ns.SetOf(ns.Net, ns.IPC, ns.UTS)
	r.View = &request.View{Host: true}
	o.TargetProcess = nil
	o.Root.Entries = []plan.Entry{{Name: "bin", Link: "usr/bin"}, {Name: "etc", Dir: true}, {Name: "vmlinuz"}}
	return r, o
}

func TestViewOfTheHost(t *testing.T) {
	r, o := hostBesideWeb()
	p := made(t, r, o)
	if got := p.Joined(); got != r.Take {
		t.Errorf("it joins %s", got)
	}
	mnt := p.Namespaces[slices.IndexFunc(p.Namespaces, func(n plan.Namespace) bool { return n.Kind == ns.Mnt })]
	if !mnt.New || !mnt.Slave || mnt.Source != "host" {
		t.Errorf("mnt is %+v", mnt)
	}
	if p.Identity.Who != plan.Caller || p.Identity.Container != nil {
		t.Errorf("it runs as %+v", p.Identity)
	}
	want := plan.ViewClone{Of: "web", PID: webPID, At: "/target", Flags: []string{"nosuid", "nodev", "noexec", "nosymfollow"}}
	if c := p.View.Clone; c == nil || c.Of != want.Of || c.PID != want.PID || c.At != want.At || !slices.Equal(c.Flags, want.Flags) {
		t.Errorf("web is shown as %+v", c)
	}
	r.TrustContainer = true
	if flags := made(t, r, o).View.Clone.Flags; !slices.Equal(flags, []string{"nosuid", "nodev"}) {
		t.Errorf("with --trust-container the flags are %q", flags)
	}
	o.Root.Entries = append(o.Root.Entries, plan.Entry{Name: "target", Link: "/etc"})
	p = made(t, r, o)
	if !slices.Contains(p.Warnings, `/target of the host is hidden by that of "web"`) || len(p.View.Links) != 1 {
		t.Errorf("%q, %v", p.Warnings, p.View.Links)
	}
}

func TestViewOfTheHostIsRefused(t *testing.T) {
	hosts := func(k ns.Kind) func(*request.Request, *plan.Observed) {
		return func(r *request.Request, _ *plan.Observed) { r.Take |= ns.SetOf(k) }
	}
	for _, row := range []struct {
		name   string
		change func(*request.Request, *plan.Observed)
		want   string
	}{
		{"in web's pid namespace", hosts(ns.PID), "in the host's mnt, pid and user namespaces"},
		{"beside a process", func(r *request.Request, _ *plan.Observed) {
			r.Base = request.Source{From: request.FromPID, PID: webPID}
		}, "beside a container's files"},
		{"that web sees", func(_ *request.Request, o *plan.Observed) { o.Base.Namespaces[ns.PID] = helper().Namespaces[ns.PID] }, `"web" has the host's pid namespace`},
		{"of too many entries", func(_ *request.Request, o *plan.Observed) { o.Root.More = true }, "more than 512 entries"},
		{"of another user", func(r *request.Request, _ *plan.Observed) { r.User = "root" }, "runs as the caller"},
	} {
		r, o := hostBesideWeb()
		row.change(r, o)
		p, err := plan.New(r, o)
		if err == nil || !strings.Contains(err.Error(), row.want) || exit.Status(err) != exit.Failed {
			t.Errorf("a view of the host %s: %v, %v", row.name, p, err)
		}
	}
	r, o := hostBesideWeb()
	o.Base.Namespaces[ns.PID], r.TrustContainer = helper().Namespaces[ns.PID], true
	made(t, r, o)
}
