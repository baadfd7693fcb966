package plan_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/nsjoin/docker-nsjoin/pkg/names"
	"github.com/nsjoin/docker-nsjoin/pkg/ns"
	"github.com/nsjoin/docker-nsjoin/pkg/plan"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

// withNames is docker nsjoin --only net web ip -4 addr with web's names, on a host with systemd-resolved and nscd.
func withNames() (*request.Request, *plan.Observed) {
	r, o := onlyNet()
	hosts, _ := names.Hosts([]names.Host{{Address: "172.17.0.2", Names: []string{"web"}}})
	r.Names = &request.Names{Source: source("web"), Made: request.MadeNames{Hosts: hosts, Hostname: "web\n"}}
	o.Self.Namespaces[ns.User] = ns.ID{Dev: 4, Ino: 0xEFFFFFFD}
	o.Names = plan.NameFacts{
		Refused:    map[string]string{},
		Nsswitch:   "passwd: files systemd\nhosts: files resolve [!UNAVAIL=return] dns\n",
		Caches:     []string{"/run/nscd"},
		HostResolv: "nameserver 192.0.2.53\nsearch example.com\n", HostHosts: "127.0.0.1 localhost\n",
		SysMounts: []plan.Mount{{Path: "/sys/fs/cgroup"}, {Path: "/sys/kernel/debug"}},
	}
	return r, o
}

// fileOf returns the text that is mounted over a file; ok is false if nothing is.
func fileOf(p *plan.Plan, path string) (text string, ok bool) {
	i := slices.IndexFunc(p.Names.Files, func(f plan.NameFile) bool { return f.Path == path })
	if i < 0 {
		return "", false
	}
	return p.Names.Files[i].Text, true
}

func opsOf(p *plan.Plan) []plan.Op {
	var ops []plan.Op
	for _, s := range p.Steps {
		ops = append(ops, s.Op)
	}
	return ops
}

func stepOf(p *plan.Plan, op plan.Op) *plan.Step {
	if i := slices.Index(opsOf(p), op); i >= 0 {
		return &p.Steps[i]
	}
	return nil
}

func TestNamesAreMountedInACopyOfTheMounts(t *testing.T) {
	p := made(t, func() *request.Request { r, _ := withNames(); return r }(), func() *plan.Observed { _, o := withNames(); return o }())
	want := []plan.Op{plan.OpJoin, plan.OpUnshare, plan.OpSlave, plan.OpNames, plan.OpSys, plan.OpSettle, plan.OpFind, plan.OpExec}
	if got := opsOf(p); !slices.Equal(got, want) {
		t.Errorf("steps %v, want %v", got, want)
	}
	for path, want := range map[string]string{
		names.ResolvConf: "nameserver 192.0.2.53\nsearch example.com\n", names.Hostname: "web\n",
		names.Nsswitch: "passwd: files systemd\nhosts: files dns\n",
	} {
		if got, _ := fileOf(p, path); got != want {
			t.Errorf("%s is %q, want %q", path, got, want)
		}
	}
	if len(p.Warnings) > 0 || len(p.Names.LeftOut) > 0 {
		t.Errorf("warnings %q, left out %q", p.Warnings, p.Names.LeftOut)
	}
}

func TestNamesThatAreLeftOut(t *testing.T) {
	for _, row := range []struct {
		name    string
		change  func(r *request.Request, o *plan.Observed)
		leftOut string // in one line
		without []string
		noSys   bool
	}{
		{
			"no file on the host", func(_ *request.Request, o *plan.Observed) {
				o.Names.Refused[names.Hostname] = "no such file or directory"
			},
			"/etc/hostname: no such file or directory",
			[]string{names.Hostname},
			false,
		},
		{
			"nsswitch.conf can't be read", func(_ *request.Request, o *plan.Observed) { o.Names.Refused[names.Nsswitch] = "larger" },
			"/etc/nsswitch.conf: larger",
			[]string{names.Nsswitch},
			false,
		},
		{"the right nsswitch.conf", func(_ *request.Request, o *plan.Observed) { o.Names.Nsswitch = "hosts: files dns\n" }, "", []string{names.Nsswitch}, false},
		{
			"unknown to the engine", func(r *request.Request, _ *plan.Observed) {
				r.Names.Made.Unknown = map[string]string{names.ResolvConf: "Podman"}
			},
			"/etc/resolv.conf: Podman",
			[]string{names.ResolvConf},
			false,
		},
		{"notes", func(r *request.Request, _ *plan.Observed) { r.Names.Made.Notes = []string{"a link"} }, "a link", nil, false},
		{"no sysfs", func(_ *request.Request, o *plan.Observed) { o.Names.SysRefused = "no sysfs is mounted there" }, "/sys: no sysfs is mounted there", nil, true},
		{
			"a rootless engine", func(_ *request.Request, o *plan.Observed) { o.Self.Namespaces[ns.User] = ns.ID{Dev: 4, Ino: 7} },
			"/sys: the engine is rootless, and has no rights over the host's /sys", nil, true,
		},
		{"a user namespace", func(r *request.Request, o *plan.Observed) {
			r.Take |= ns.SetOf(ns.User)
			o.Base = process(webPID, ns.All().Without(ns.SetOf(ns.Time)))
			o.Base.Namespaces[ns.User] = ns.ID{Dev: 4, Ino: 4026532999}
		}, "/sys: the command's user namespace may have no rights over the network", nil, true},
		{"the host's network", func(r *request.Request, _ *plan.Observed) { r.Take = ns.SetOf(ns.UTS) }, "", nil, true},
	} {
		r, o := withNames()
		row.change(r, o)
		p := made(t, r, o)
		if got := strings.Join(p.Names.LeftOut, "|"); got != row.leftOut {
			t.Errorf("%s: left out %q, want %q", row.name, got, row.leftOut)
		}
		for _, path := range append(names.Paths(), names.Nsswitch) {
			if _, ok := fileOf(p, path); ok == slices.Contains(row.without, path) {
				t.Errorf("%s: %s is mounted: %v", row.name, path, ok)
			}
		}
		if (stepOf(p, plan.OpSys) == nil) != row.noSys {
			t.Errorf("%s: %v", row.name, opsOf(p))
		}
		if len(p.Warnings) > 0 && !r.Take.Has(ns.User) {
			t.Errorf("%s: warnings %q about names that nobody asked for", row.name, p.Warnings)
		}
		r, o = withNames()
		row.change(r, o)
		r.Names.Asked = true
		p = made(t, r, o)
		if row.leftOut != "" && !slices.ContainsFunc(p.Warnings, func(w string) bool { return w == `names of "web": left out: `+row.leftOut }) {
			t.Errorf("%s: warnings %q", row.name, p.Warnings)
		}
	}
}

// The user must know if nothing of what --names asked for can be had.
func TestNamesThatCannotBeHadAtAllAreRefused(t *testing.T) {
	r, o := withNames()
	r.Names.Asked = true
	for _, path := range names.Paths() {
		o.Names.Refused[path] = "gone"
	}
	_, err := plan.New(r, o)
	if want := `--names: no file of "web" can be shown: /etc/resolv.conf: gone; /etc/hosts: gone; /etc/hostname: gone`; err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
	r.Names.Asked = false
	if p := made(t, r, o); stepOf(p, plan.OpNames) != nil || stepOf(p, plan.OpSys) == nil {
		t.Errorf("%v", opsOf(p))
	}
}

// The container's own files are hostile: only valid lines are taken.
func TestOwnFiles(t *testing.T) {
	r, o := withNames()
	r.Names.Files, r.Names.Asked = true, true
	o.Names.Own = map[string]string{names.HostsFile: "192.0.2.1 db\n192.0.2.66 localhost\n\x1b[31m\n", names.Hostname: "a b\n"}
	p := made(t, r, o)
	hosts, _ := names.Hosts([]names.Host{{Address: "192.0.2.1", Names: []string{"db"}}})
	if got, _ := fileOf(p, names.HostsFile); got != hosts {
		t.Errorf("hosts is %q", got)
	}
	want := []string{
		`/etc/resolv.conf: "web" has no such file`, `2 lines or words of the /etc/hosts of "web", which are not valid or are about localhost`,
		`/etc/hostname: that of "web" is not a valid name`,
	}
	if !slices.Equal(p.Names.LeftOut, want) {
		t.Errorf("left out %q, want %q", p.Names.LeftOut, want)
	}
}

// A command in a container's file system gets the files in a copy of that container's mounts, and nothing else changes.
func TestNamesForAContainer(t *testing.T) {
	r, o := asked(), observed()
	r.Overrides = map[ns.Kind]request.Source{ns.Net: source("app")}
	o.Overrides = map[ns.Kind]plan.Process{ns.Net: process(appPID, docker())}
	before := opsOf(made(t, r, o))
	r.Names = &request.Names{Source: source("app"), Asked: true, Made: request.MadeNames{Hosts: "x", Hostname: "app\n"}}
	p := made(t, r, o)
	var got []plan.Op
	for _, op := range opsOf(p) {
		if !slices.Contains([]plan.Op{plan.OpUnshare, plan.OpSlave, plan.OpNames}, op) {
			got = append(got, op)
		}
	}
	if !slices.Equal(got, before) || len(opsOf(p)) != len(before)+3 {
		t.Errorf("steps %v, without names %v", opsOf(p), before)
	}
	last := slices.Index(opsOf(p), plan.OpNames)
	for i, op := range opsOf(p) {
		if i < last && slices.Contains([]plan.Op{plan.OpBounding, plan.OpUser, plan.OpSeccomp, plan.OpCaps, plan.OpFork}, op) {
			t.Errorf("%s comes before the names: %v", op, opsOf(p))
		}
	}
	if _, ok := fileOf(p, names.Nsswitch); ok || len(p.Names.Hidden) > 0 || stepOf(p, plan.OpSys) != nil {
		t.Errorf("%+v, %v", p.Names, opsOf(p))
	}
}

// The host's network has the host's files.
func TestNamesOfAContainerWithTheHostsNetwork(t *testing.T) {
	r, o := withNames()
	r.Names.Made.Hosts, r.Names.Made.Resolv = "", names.Resolv{Host: true}
	o.Names.HostResolv = "nameserver 127.0.0.53\n"
	p := made(t, r, o)
	if got, _ := fileOf(p, names.ResolvConf); got != o.Names.HostResolv {
		t.Errorf("resolv.conf is %q", got)
	}
	if got, _ := fileOf(p, names.HostsFile); got != o.Names.HostHosts {
		t.Errorf("hosts is %q", got)
	}
}

// With the container's processes too there is one copy of the mounts, and /proc is mounted after /sys.
func TestNamesAndProcShareTheCopy(t *testing.T) {
	r, o := withNames()
	r.Take |= ns.SetOf(ns.PID)
	got := opsOf(made(t, r, o))
	want := []plan.Op{plan.OpJoin, plan.OpUnshare, plan.OpSlave, plan.OpNames, plan.OpSys, plan.OpFork, plan.OpProc}
	if !slices.Equal(got[:len(want)], want) {
		t.Errorf("steps %v, want %v", got, want)
	}
}
