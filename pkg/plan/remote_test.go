package plan_test

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/nsjoin/docker-nsjoin/pkg/ns"
	"github.com/nsjoin/docker-nsjoin/pkg/plan"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

// shimPID is the process that started the helper's container.
const shimPID = 850

// remote puts the helper into a container of the engine, whose shim has the host's namespaces.
func remote(r *request.Request, o *plan.Observed) {
	r.Client = &request.Client{}
	o.Host = helper()
	o.Host.PID = shimPID
	o.Self = process(helperPID, ns.SetOf(ns.IPC, ns.Mnt, ns.Net, ns.UTS))
}

// Through the engine a command in a container has the same identity as locally. The host's namespaces
// are joined.
func TestRemoteIdentityIsTheLocalOne(t *testing.T) {
	local := made(t, asked(), observed())
	r, o := asked(), observed()
	remote(r, o)
	p := made(t, r, o)
	if !reflect.DeepEqual(p.Identity, local.Identity) || !reflect.DeepEqual(p.Command, local.Command) {
		t.Errorf("through the engine %+v\nlocally %+v", p.Identity, local.Identity)
	}
	if !slices.Equal(p.Warnings, local.Warnings) {
		t.Errorf("warnings %q, locally %q", p.Warnings, local.Warnings)
	}
}

func TestRemoteHostIsJoined(t *testing.T) {
	for _, row := range []struct {
		name string
		take ns.Set
		want string // the joined kinds, by source
	}{
		{"all but net", ns.All().Without(ns.SetOf(ns.Net)), "host net; web ipc,mnt,uts,pid,cgroup"},
		{"net alone", ns.SetOf(ns.Net), "host ipc,mnt,uts; web net"},
		{"nothing", 0, "host ipc,mnt,net,uts"},
	} {
		r, o := asked(), observed()
		r.Take = row.take
		remote(r, o)
		p := made(t, r, o)
		joined := map[string]ns.Set{}
		for _, s := range p.Steps {
			if s.Op == plan.OpJoin {
				joined[s.From] |= s.Kinds
				if want := map[string]int{"host": shimPID, "web": webPID}[s.From]; s.PID != want {
					t.Errorf("%s: %s is process %d, not %d", row.name, s.From, s.PID, want)
				}
			}
		}
		for part := range strings.SplitSeq(row.want, "; ") {
			from, kinds, _ := strings.Cut(part, " ")
			want, err := ns.ParseSet(kinds)
			if err != nil || joined[from] != want {
				t.Errorf("%s: joined of %s %s, want %s, %v", row.name, from, joined[from], want, err)
			}
		}
	}
}

// With the host's file system the command is root on the host, with a new terminal and in a new
// session, since the caller's are on another machine.
func TestRemoteHostRoot(t *testing.T) {
	r, o := asked(), observed()
	r.Take = ns.SetOf(ns.Net)
	r.CallerEnv = []string{"PATH=/bin", "HOME=/root"}
	remote(r, o)
	o.Streams = terminal
	p := made(t, r, o)
	if p.Identity.Who != plan.HostRoot || p.Identity.Container != nil || !p.Terminal || !p.LeadsSession() {
		t.Errorf("%+v, terminal %v, leads a session %v", p.Identity, p.Terminal, p.LeadsSession())
	}
	if !slices.Equal(p.Identity.Env, r.CallerEnv) {
		t.Errorf("environment %q", p.Identity.Env)
	}
	if !slices.ContainsFunc(p.Steps, func(s plan.Step) bool { return s.Op == plan.OpTerminal }) {
		t.Errorf("steps %v", p.Steps)
	}
	if !strings.Contains(p.String(), "root on the engine's host") {
		t.Errorf("it prints %s", p)
	}
	local, seen := asked(), observed()
	local.Take = ns.SetOf(ns.Net)
	seen.Streams = terminal
	if p := made(t, local, seen); p.Terminal || p.LeadsSession() {
		t.Error("a local one gets a new terminal")
	}
}

func TestViaIsPrinted(t *testing.T) {
	r := asked()
	r.Via = "engine: this is not Linux"
	if text := made(t, r, observed()).String(); !strings.Contains(text, "\nvia engine: this is not Linux\n") {
		t.Errorf("it prints %s", text)
	}
}
