package plan_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/nsjoin/docker-nsjoin/pkg/exit"
	"github.com/nsjoin/docker-nsjoin/pkg/ns"
	"github.com/nsjoin/docker-nsjoin/pkg/plan"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

// mounting returns a request and facts for a directory of the host.
func mounting() (*request.Request, *plan.Observed) {
	mnt := func(ino uint64) map[ns.Kind]ns.ID { return map[ns.Kind]ns.ID{ns.Mnt: {Dev: 4, Ino: ino}} }
	web := request.Source{From: request.FromContainer, Name: "web", PID: 42}
	r := &request.Request{Base: web, Take: ns.SetOf(ns.Mnt), Mount: &request.Mount{
		Action: request.MountAttach, Type: request.MountBind, Source: "/src", Target: "/app",
	}}
	o := &plan.Observed{
		Self: plan.Process{PID: 1, Namespaces: mnt(1)}, Base: plan.Process{PID: 42, Namespaces: mnt(2)},
		Mount: &plan.MountFacts{
			UIDs: []plan.IDRange{{Count: 1 << 20}}, GIDs: []plan.IDRange{{Count: 1 << 20}},
			Source:  &plan.MountPoint{Path: "/src", Dir: true, UID: 1000, GID: 1000, OwnGroup: true, Mount: 20, Types: []string{"ext4"}},
			Process: plan.Process{PID: 1, Namespaces: mnt(1)},
			Target:  plan.MountPoint{Path: "/app", Dir: true, Mount: 30, Types: []string{"overlay"}},
		},
	}
	return r, o
}

func TestMountPlan(t *testing.T) {
	r, o := mounting()
	r.Mount.ReadOnly, r.Mount.Mkdir, o.Mount.Target.Missing = true, true, []string{"a", "b"}
	p, err := plan.NewMount(r, o)
	if err != nil {
		t.Fatal(err)
	}
	var steps []string
	for i := range p.Steps {
		steps = append(steps, p.Describe(i))
	}
	want := []string{
		"clone the mount of /src, with those beneath it", "make it private, ro", "record it", "join mnt of web (pid 42)",
		"attach it at /app/a/b", "verify from outside where it is; detach it if it is elsewhere",
	}
	if !slices.Equal(steps, want) {
		t.Errorf("%q\nwant\n%q", steps, want)
	}
	if m := p.Mounting; m.Source != "/src" || m.Target != "/app/a/b" || !slices.Equal(m.Make, []string{"/app/a", "/app/a/b"}) || m.Parent != 30 {
		t.Errorf("%+v", m)
	}
}

// A source in another mount namespace is cloned there: open_tree(2) clones mounts of the caller's own only.
func TestMountPlanJoinsTheSource(t *testing.T) {
	r, o := mounting()
	r.Mount.From = &request.Source{From: request.FromContainer, Name: "db", PID: 43}
	o.Mount.Process = plan.Process{PID: 43, Namespaces: map[ns.Kind]ns.ID{ns.Mnt: {Dev: 4, Ino: 3}}}
	p, err := plan.NewMount(r, o)
	if err != nil {
		t.Fatal(err)
	}
	if p.Steps[0].Op != plan.OpJoin || p.Steps[0].PID != 43 || p.Steps[1].Op != plan.OpClone || p.Steps[4].PID != 42 {
		t.Errorf("%+v", p.Steps)
	}
	if !slices.Equal(p.Mounting.Flags, []string{"nosuid", "nodev"}) {
		t.Errorf("the flags are %v", p.Mounting.Flags)
	}
}

func TestMountRefusals(t *testing.T) {
	for want, change := range map[string]func(*request.Mount, *plan.MountFacts){
		"container's root directory":             func(_ *request.Mount, f *plan.MountFacts) { f.Target.Root = true },
		"is on a proc file system":               func(_ *request.Mount, f *plan.MountFacts) { f.Target.Types = []string{"tmpfs", "proc", "overlay"} },
		"is on a shared mount":                   func(_ *request.Mount, f *plan.MountFacts) { f.Target.Shared = true },
		"does not exist in the container":        func(_ *request.Mount, f *plan.MountFacts) { f.Target.Missing = []string{"x"} },
		"is a file of the container":             func(_ *request.Mount, f *plan.MountFacts) { f.Target.Dir = false },
		"is a directory of the container":        func(_ *request.Mount, f *plan.MountFacts) { f.Source.Dir = false },
		"more than 32 directories":               func(q *request.Mount, f *plan.MountFacts) { q.Mkdir, f.Target.Missing = true, make([]string, 33) },
		"root owns /src":                         func(q *request.Mount, f *plan.MountFacts) { q.MapIDs, f.Mapped, f.Source.UID = true, true, 0 },
		"group of /src (6) is one of the system": func(q *request.Mount, f *plan.MountFacts) { q.MapIDs, f.Mapped, f.Source.GID = true, true, 6 },
		"of the system owns /src (999:1000)":     func(q *request.Mount, f *plan.MountFacts) { q.MapIDs, f.Mapped, f.Source.UID = true, true, 999 },
		"has an engine's socket":                 func(q *request.Mount, f *plan.MountFacts) { q.MapIDs, f.Mapped, f.Source.OfEngine = true, true, true },
		"is not the primary one of its owner":    func(q *request.Mount, f *plan.MountFacts) { q.MapIDs, f.Mapped, f.Source.OwnGroup = true, true, false },
		"has the host's user namespace":          func(q *request.Mount, _ *plan.MountFacts) { q.MapIDs = true },
		"rslave: /src is on a private mount":     func(q *request.Mount, _ *plan.MountFacts) { q.Slave = true },
		`/src of "db" is its root directory`:     func(q *request.Mount, f *plan.MountFacts) { q.From, f.Source.Root = db(), true },
		`/src of "db" is on a sysfs file system`: func(q *request.Mount, f *plan.MountFacts) { q.From, f.Source.Types = db(), []string{"sysfs"} },
		"so they always come along":              func(q *request.Mount, _ *plan.MountFacts) { q.From, q.Single = db(), true },
		"files of the kernel's, which would":     func(q *request.Mount, f *plan.MountFacts) { q.From, f.Source.Beneath = db(), []string{"xfs", "proc"} },
		"uid=70000 of a tmpfs: the container has no such ID": func(q *request.Mount, f *plan.MountFacts) {
			q.Type, q.Options = request.MountTmpfs, [][2]string{{"uid", "70000"}}
			remap(f)
		},
		"gid=all of a tmpfs": func(q *request.Mount, _ *plan.MountFacts) {
			q.Type, q.Options = request.MountTmpfs, [][2]string{{"gid", "all"}}
		},
		"user namespace has no root":          func(_ *request.Mount, f *plan.MountFacts) { f.GIDs = []plan.IDRange{{Inside: 1, Outside: 1, Count: 9}} },
		"/src: a container with SYS_ADMIN":    func(_ *request.Mount, f *plan.MountFacts) { f.Mapped, f.Admin = true, true },
		"/src of db: a container with SYS_AD": func(q *request.Mount, f *plan.MountFacts) { q.From, f.Mapped, f.Admin = db(), true, true },
		"volume v: a container with SYS_ADMIN": func(q *request.Mount, f *plan.MountFacts) {
			q.Type, q.Volume, q.From, f.Mapped, f.Admin = request.MountVolume, "v", db(), true, true
		},
		`volume "v" is empty, and /app is not`: func(q *request.Mount, f *plan.MountFacts) {
			q.Type, q.Volume, f.Source.Empty = request.MountVolume, "v", true
		},
	} {
		r, o := mounting()
		change(r.Mount, o.Mount)
		if _, err := plan.NewMount(r, o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
	r, o := mounting()
	o.Base = o.Self
	if _, err := plan.NewMount(r, o); err == nil || !strings.Contains(err.Error(), "its mounts are the host's") {
		t.Error(err)
	}
}

// The groups of many users are below 1000, such as users (100), and users of LDAP are not in /etc/passwd.
func TestHintsOfMappedIDs(t *testing.T) {
	for want, change := range map[string]func(*plan.MountPoint){
		"name a directory of an ordinary user":             func(s *plan.MountPoint) { s.UID = 0 },
		"ordinary user and that user's primary group":      func(s *plan.MountPoint) { s.UID = 999 },
		"add --force if that group has no rights":          func(s *plan.MountPoint) { s.GID = 100 },
		"add --force if it is that in another place (LDAP": func(s *plan.MountPoint) { s.OwnGroup = false },
	} {
		r, o := mounting()
		r.Mount.MapIDs, o.Mount.Mapped = true, true
		change(o.Mount.Source)
		if _, err := plan.NewMount(r, o); !strings.Contains(hintOf(err), want) {
			t.Errorf("%v, hint %q; want %q", err, hintOf(err), want)
		}
	}
}

// remap gives the container a user namespace of its own.
func remap(f *plan.MountFacts) {
	ids := []plan.IDRange{{Outside: 100000, Count: 65536}}
	f.UIDs, f.GIDs, f.Mapped = ids, ids, true
}

// In a container with a user namespace of its own, what is made belongs to its users. With --idmap the owner of the source
// is its root, and nobody else is mapped: neither root nor another user of the host.
func TestMountWithIDs(t *testing.T) {
	r, o := mounting()
	remap(o.Mount)
	r.Mount.MapIDs, o.Mount.Source.GID = true, 1001
	p, err := plan.NewMount(r, o)
	if err != nil {
		t.Fatal(err)
	}
	want := []plan.IDRange{{Inside: 1000, Outside: 100000, Count: 1}, {Inside: 1001, Outside: 100000, Count: 1}}
	if !slices.Equal(p.Mounting.Map, want) || p.Mounting.Owner != [2]uint32{100000, 100000} {
		t.Errorf("%+v", p.Mounting)
	}
	r.Mount.MapIDs, r.Mount.Type, r.Mount.Options, o.Mount.Source = false, request.MountTmpfs, [][2]string{{"uid", "7"}}, nil
	if p, err = plan.NewMount(r, o); err != nil || !slices.Equal(p.Mounting.Options, [][2]string{{"uid", "100007"}, {"gid", "100000"}}) {
		t.Errorf("%+v, %v", p, err)
	}
}

func db() *request.Source { return &request.Source{From: request.FromContainer, Name: "db"} }

func TestMountWarnings(t *testing.T) {
	for path, want := range map[string]string{
		"/":                       "read and write all files of the host",
		"/run":                    "/run leads to an engine's socket",
		"/srv/docker.sock":        "engine's socket",
		"/run/containerd":         "engine's socket",
		"/proc/sys":               "controls the host's kernel",
		"/src":                    "",
		"/run/docker.sock.d/x":    "",
		"/var/lib/docker.sockets": "",
	} {
		r, o := mounting()
		o.Mount.Source.Path, o.Mount.Source.Root, o.Mount.Source.OnHost = path, path == "/", []string{path}
		if path == "/proc/sys" {
			o.Mount.Source.Types = []string{"proc", "ext4"}
		}
		warned(t, path, r, o, want)
	}
	// What is mounted beneath comes along, and in another container there may be files of the host.
	for want, change := range map[string]func(*request.Mount, *plan.MountPoint){
		"/src leads to an engine's socket": func(_ *request.Mount, s *plan.MountPoint) {
			s.OnHost, s.Beneath = []string{"/src", "/run/podman"}, []string{"nsfs"}
		},
		"/src of the host controls the host's":   func(_ *request.Mount, s *plan.MountPoint) { s.Beneath = []string{"ext4", "sysfs"} },
		"/src of db leads to an engine's socket": func(q *request.Mount, s *plan.MountPoint) { q.From, s.OnHost = db(), []string{"/run/docker.sock"} },
		"read and write all files of the host":   func(q *request.Mount, s *plan.MountPoint) { q.From, s.OnHost = db(), []string{"/"} },
		"": func(q *request.Mount, s *plan.MountPoint) {
			q.From, s.OnHost = db(), []string{"/var/lib/docker/overlay2/1/merged/src"}
		},
	} {
		r, o := mounting()
		change(r.Mount, o.Mount.Source)
		warned(t, want, r, o, want)
	}
}

// warned checks the warning of a plan; "" for none.
func warned(t *testing.T, name string, r *request.Request, o *plan.Observed, want string) {
	t.Helper()
	p, err := plan.NewMount(r, o)
	if err != nil || strings.Join(p.Warnings, "") != "" != (want != "") || !strings.Contains(strings.Join(p.Warnings, ""), want) {
		t.Errorf("%s: %v, %v", name, p, err)
	}
}

// A link of the host is followed only where a container that made it would have the host's root.
func TestMountLinks(t *testing.T) {
	for _, row := range []struct {
		dir  string
		mode uint32
		kind string
		want string
	}{
		{"/", 0o755, "ext4", ""},
		{"/var", 0o755, "ext4", ""},
		{"/usr", 0o755, "ext4", ""},
		{"/var", 0o1777, "ext4", "a container may have made it"},
		{"/var/lib", 0o755, "ext4", "a container may have made it"},
		{"/home/user", 0o700, "ext4", "a container may have made it"},
		{"/srv", 0o755, "ext4", "a container may have made it"},
		{"/", 0o755, "proc", "the kernel's"},
	} {
		r, o := mounting()
		o.Mount.Links = []plan.MountLink{
			{Path: "/bin", Target: "usr/bin", Dir: plan.MountPoint{Path: "/", Dir: true, Mode: 0o755, Types: []string{"ext4"}}},
			{Path: row.dir + "/link", Target: "src", Dir: plan.MountPoint{Path: row.dir, Dir: true, Mode: row.mode, Types: []string{row.kind, "ext4"}}},
		}
		_, err := plan.NewMount(r, o)
		if row.want == "" && err == nil {
			continue
		}
		if known, ok := errors.AsType[*exit.Error](err); row.want == "" || !ok || !strings.Contains(err.Error(), row.want) || !strings.HasSuffix(known.Hint, "/src") {
			t.Errorf("%s: %v, want %s", row.dir, err, row.want)
		}
	}
}

// An empty volume gets the owner of the directory that it is mounted on, as with docker run.
func TestMountVolume(t *testing.T) {
	r, o := mounting()
	r.Mount.Type, r.Mount.Volume, r.Mount.From = request.MountVolume, "cache", db()
	o.Mount.Process = plan.Process{PID: 43, Namespaces: map[ns.Kind]ns.ID{ns.Mnt: {Dev: 4, Ino: 3}}}
	o.Mount.Source.Empty, o.Mount.Target.Empty, o.Mount.Target.UID, o.Mount.Target.Mode = true, true, 33, 0o700
	p, err := plan.NewMount(r, o)
	if err != nil || len(p.Mounting.Flags) > 0 || p.Mounting.From != "" || p.Steps[0].Op != plan.OpJoin || p.Steps[0].PID != 43 {
		t.Fatalf("%+v, %v", p, err)
	}
	if m := p.Mounting; !slices.Equal(m.Adopt, []uint32{33, 0, 0o700}) || m.What() != "volume cache" {
		t.Errorf("%+v", m)
	}
	r.Mount.NoCopy = true
	if p, err := plan.NewMount(r, o); err != nil || p.Mounting.Adopt != nil {
		t.Errorf("%+v, %v", p, err)
	}
}

func TestUnmountBeneath(t *testing.T) {
	r, o := mounting()
	r.Mount = &request.Mount{Action: request.MountDetach}
	o.Mount.Beneath = []string{"/app/sub"}
	if _, err := plan.NewMount(r, o); err == nil || !strings.Contains(err.Error(), "/app/sub is mounted beneath it") {
		t.Error(err)
	}
	r.Mount.Lazy = true
	if _, err := plan.NewMount(r, o); err != nil {
		t.Error(err)
	}
}

func TestUnmountInUse(t *testing.T) {
	r, o := mounting()
	r.Mount = &request.Mount{Action: request.MountDetach}
	o.Mount.Users = []plan.MountUser{{PID: 7, Name: "tail", How: "open file"}}
	_, err := plan.NewMount(r, o)
	if err == nil || !strings.Contains(err.Error(), "it is in use by 7 tail (open file)") {
		t.Error(err)
	}
	if known, ok := errors.AsType[*exit.Error](err); !ok || !strings.Contains(known.Hint, "--lazy") {
		t.Errorf("%+v", err)
	}
	r.Mount.Lazy = true
	if p, err := plan.NewMount(r, o); err != nil || len(p.Steps) != 2 || p.Steps[1].Op != plan.OpDetach {
		t.Errorf("%+v, %v", p, err)
	}
}
