package plan_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/nsjoin/docker-nsjoin/pkg/exit"
	"github.com/nsjoin/docker-nsjoin/pkg/ns"
	"github.com/nsjoin/docker-nsjoin/pkg/plan"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

func private() request.Source { return request.Source{From: request.FromNew} }

func file(path string) request.Source {
	return request.Source{From: request.FromPath, Path: request.Word(path)}
}

// mixed is docker nsjoin web with flags such as --net.
func mixed(overrides map[ns.Kind]request.Source) (*request.Request, *plan.Observed) {
	r, o := asked(), observed()
	r.Overrides = overrides
	o.Overrides, o.Paths = make(map[ns.Kind]plan.Process), make(map[ns.Kind]plan.PathNamespace)
	for k, s := range overrides {
		switch s.From {
		case request.FromContainer:
			o.Overrides[k] = process(appPID, docker())
		case request.FromHost:
			o.Overrides[k] = o.Self
		case request.FromPath:
			o.Paths[k] = plan.PathNamespace{Kind: k, ID: ns.ID{Dev: 4, Ino: 4026533000 + uint64(k)}}
		case request.FromPID, request.FromNew:
		}
	}
	return r, o
}

// own puts the base process into its own user namespace.
func own(o *plan.Observed) { o.Base = process(webPID, ns.All().Without(ns.SetOf(ns.Time))) }

func TestRefusedMixes(t *testing.T) {
	for _, row := range []struct {
		name          string
		overrides     map[ns.Kind]request.Source
		vary          func(*request.Request, *plan.Observed)
		message, hint string
	}{
		{
			"a file of another kind",
			map[ns.Kind]request.Source{ns.Net: file("/run/blue")},
			func(_ *request.Request, o *plan.Observed) { o.Paths[ns.Net] = plan.PathNamespace{Kind: ns.UTS} },
			"net of ns:/run/blue: the file is a namespace of kind uts", "",
		},
		{
			"mnt from a file",
			map[ns.Kind]request.Source{ns.Mnt: file("/run/mnt")},
			nil,
			"mnt of ns:/run/mnt: cannot take the mount namespace from a file: the command's identity is read from a process",
			"name a process that has these mounts: --mnt pid:N; lsns -t mnt lists them",
		},
		{
			"a pid namespace that is an ancestor's",
			nil, func(_ *request.Request, o *plan.Observed) { o.PIDUnreachable = true },
			"pid of web: not a descendant of the caller's pid namespace",
			"run docker nsjoin outside of any container, on the engine's host",
		},
		{
			"--userns private over mounts with a user namespace",
			map[ns.Kind]request.Source{ns.User: private()},
			func(_ *request.Request, o *plan.Observed) { own(o) },
			`mnt of "web": its files belong to ids of its own user namespace, which the command would not be in`,
			`use --userns container:web as well, or leave mnt out (--mnt host)`,
		},
		{
			"--userns host over mounts with a user namespace",
			map[ns.Kind]request.Source{ns.User: request.Host()},
			func(_ *request.Request, o *plan.Observed) { own(o) },
			`mnt of "web": its files belong to ids of its own user namespace, which the command would not be in`, `use --userns container:web as well, or leave mnt out (--mnt host)`,
		},
		{
			"--except user and mounts with a user namespace",
			nil,
			func(r *request.Request, o *plan.Observed) { own(o); r.Take = r.Take.Without(ns.SetOf(ns.User)) },
			`mnt of "web": its files belong to ids of its own user namespace, which the command would not be in`, `use --userns container:web as well, or leave mnt out (--mnt host)`,
		},
		{
			"--mnt private, a copy of mounts with a user namespace",
			map[ns.Kind]request.Source{ns.Mnt: private(), ns.User: request.Host()},
			func(_ *request.Request, o *plan.Observed) { own(o) },
			`mnt of "web": its files belong to ids of its own user namespace, which the command would not be in`, `use --userns container:web as well, or leave mnt out (--mnt host)`,
		},
		{
			"private of a kind that the kernel lacks",
			map[ns.Kind]request.Source{ns.Time: private()},
			func(_ *request.Request, o *plan.Observed) {
				delete(o.Self.Namespaces, ns.Time)
				delete(o.Base.Namespaces, ns.Time)
			},
			"this kernel has no time namespaces", "",
		},
	} {
		r, o := mixed(row.overrides)
		if row.vary != nil {
			row.vary(r, o)
		}
		p, err := plan.New(r, o)
		if err == nil || err.Error() != row.message {
			t.Errorf("%s: %v, %v; want %s", row.name, p, err, row.message)
			continue
		}
		hint := ""
		if e, ok := errors.AsType[*exit.Error](err); ok {
			hint = e.Hint
		}
		if hint != row.hint || exit.Status(err) != exit.Failed {
			t.Errorf("%s: status %d, hint %q; want %q", row.name, exit.Status(err), hint, row.hint)
		}
	}
}

func TestAcceptedMixes(t *testing.T) {
	for _, row := range []struct {
		name         string
		overrides    map[ns.Kind]request.Source
		vary         func(*request.Request, *plan.Observed)
		joined, made ns.Set
	}{
		{"files of all kinds but mnt", map[ns.Kind]request.Source{
			ns.Cgroup: file("/c"), ns.IPC: file("/i"), ns.Net: file("/n"), ns.PID: file("/p"),
			ns.Time: file("/t"), ns.User: file("/u"), ns.UTS: file("/h"),
		}, nil, ns.All(), 0},
		{"mnt from the file of the helper's own", map[ns.Kind]request.Source{ns.Mnt: file("/m")}, func(_ *request.Request, o *plan.Observed) {
			o.Paths[ns.Mnt] = plan.PathNamespace{Kind: ns.Mnt, ID: o.Self.Namespaces[ns.Mnt]}
		}, docker().Without(ns.SetOf(ns.Mnt)), 0},
		{"new copies join the original first", map[ns.Kind]request.Source{
			ns.Mnt: private(), ns.UTS: private(), ns.Time: private(),
		}, nil, docker(), ns.SetOf(ns.Mnt, ns.UTS, ns.Time)},
		{"new empty ones join nothing", map[ns.Kind]request.Source{
			ns.Cgroup: private(), ns.IPC: private(), ns.Net: private(), ns.PID: private(), ns.User: private(),
		}, nil, ns.SetOf(ns.Mnt, ns.UTS), ns.SetOf(ns.Cgroup, ns.IPC, ns.Net, ns.PID, ns.User)},
		{"--userns host without the mounts", map[ns.Kind]request.Source{
			ns.User: request.Host(), ns.Mnt: request.Host(),
		}, func(_ *request.Request, o *plan.Observed) { own(o) }, docker().Without(ns.SetOf(ns.Mnt)), 0},
		{
			"--userns private over a process with the host's mounts",
			map[ns.Kind]request.Source{ns.User: private()},
			func(_ *request.Request, o *plan.Observed) { o.Base = process(webPID, ns.SetOf(ns.Net, ns.User)) },
			ns.SetOf(ns.Net), ns.SetOf(ns.User),
		},
		{
			"a user namespace of app with mounts that have none",
			map[ns.Kind]request.Source{ns.User: source("app")},
			func(_ *request.Request, o *plan.Observed) { o.Overrides[ns.User] = process(appPID, ns.All()) }, docker() | ns.SetOf(ns.User), 0,
		},
	} {
		r, o := mixed(row.overrides)
		if row.vary != nil {
			row.vary(r, o)
		}
		p, err := plan.New(r, o)
		if err != nil {
			t.Errorf("%s: %v", row.name, err)
			continue
		}
		if p.Joined() != row.joined || p.Made() != row.made {
			t.Errorf("%s: joined are %q, new %q; want %q, %q", row.name, p.Joined(), p.Made(), row.joined, row.made)
		}
	}
}

// Namespaces to copy are joined before unshare, as is the cgroup that becomes the root of a new cgroup
// namespace. Ids are mapped before they are set.
func TestOrderOfNewNamespaces(t *testing.T) {
	r, o := mixed(map[ns.Kind]request.Source{
		ns.Cgroup: private(), ns.Mnt: private(), ns.User: private(), ns.UTS: private(), ns.PID: private(),
	})
	var order []string
	for _, s := range made(t, r, o).Steps {
		switch s.Op {
		case plan.OpJoin, plan.OpCgroups, plan.OpUnshare, plan.OpMap, plan.OpMounts, plan.OpUser, plan.OpFork, plan.OpSettle:
			order = append(order, strings.TrimSuffix(s.Op.String()+" "+s.Kinds.String(), " "))
		}
	}
	const want = "cgroups; join ipc,mnt,net,uts; unshare cgroup,mnt,pid,user,uts; map; mounts; user; fork; settle"
	if got := strings.Join(order, "; "); got != want {
		t.Errorf("the order is %s\nwant         %s", got, want)
	}
}
