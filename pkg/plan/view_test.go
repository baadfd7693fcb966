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

// viewOfWeb is a shell of the toolbox in web.
func viewOfWeb() (*request.Request, *plan.Observed) {
	r, o := asked(), observed()
	r.Command = []string{"sh"}
	r.View = &request.View{Tools: []string{"ls", "ps", "sh"}, Program: 5}
	o.Root.Entries = []plan.Entry{
		{Name: "bin", Link: "usr/bin"},
		{Name: "etc", Dir: true},
		{Name: "init"},
		{Name: "a b\n", Dir: true},
	}
	return r, o
}

func TestViewIsMountedInANewNamespaceBeforeTheIdentity(t *testing.T) {
	r, o := viewOfWeb()
	p := made(t, r, o)
	var ops []string
	for _, s := range p.Steps {
		ops = append(ops, s.Op.String())
	}
	text := strings.Join(ops, " ")
	if !strings.Contains(text, "join unshare mounts view pivot keyring") {
		t.Errorf("the steps are %s", text)
	}
	if !p.Made().Has(ns.Mnt) || !p.Joined().Has(ns.Mnt) {
		t.Errorf("mnt is not a copy of web's: %+v", p.Namespaces)
	}
	if p.Identity.Env[0] != "PATH=/usr/sbin:/usr/bin:/.nsjoin/bin" {
		t.Errorf("the environment is %q", p.Identity.Env)
	}
	if want := []string{"/usr/sbin/sh", "/usr/bin/sh", "/.nsjoin/bin/sh"}; !slices.Equal(p.Command.Paths, want) {
		t.Errorf("it looks for %q", p.Command.Paths)
	}
}

// Without a view a plan has nothing of it.
func TestPlanWithoutAView(t *testing.T) {
	p := made(t, asked(), observed())
	if p.View != nil || p.Made() != 0 || strings.Contains(p.String(), "nsjoin/bin") {
		t.Errorf("%s", p)
	}
}

func TestToolsAreLastInPATH(t *testing.T) {
	for given, want := range map[string]string{
		"PATH=/a:/b":            "PATH=/a:/b:/.nsjoin/bin",
		"PATH=/.nsjoin/bin":     "PATH=/.nsjoin/bin",
		"PATH=/.nsjoin/bin:/a":  "PATH=/.nsjoin/bin:/a",
		"PATH=":                 "PATH=/.nsjoin/bin",
		"PATH":                  "PATH=/.nsjoin/bin", // -e PATH unsets it
		"PATH=/.nsjoin/binary:": "PATH=/.nsjoin/binary::/.nsjoin/bin",
	} {
		r, o := viewOfWeb()
		r.Env = []string{given}
		p := made(t, r, o)
		if i := slices.IndexFunc(p.Identity.Env, func(e string) bool { return strings.HasPrefix(e, "PATH=") }); i < 0 || p.Identity.Env[i] != want {
			t.Errorf("-e %s: %q, want %s", given, p.Identity.Env, want)
		}
	}
}

func TestViewHidesWhatIsNamedLikeOurs(t *testing.T) {
	r, o := viewOfWeb()
	o.Root.Entries = append(o.Root.Entries, plan.Entry{Name: ".nsjoin", Dir: true})
	o.Root.Silent = []string{"nfs"}
	p := made(t, r, o)
	for _, m := range p.View.Mounts {
		if strings.HasPrefix(m.At, "/.nsjoin") {
			t.Errorf("%+v is mounted", m)
		}
	}
	for _, want := range []string{`/.nsjoin of "web" is hidden by the toolbox`, `"/nfs" of "web" is not in the view: its file system does not answer`} {
		if !slices.Contains(p.Warnings, want) {
			t.Errorf("%q lacks %s", p.Warnings, want)
		}
	}
}

func TestViewIsRefused(t *testing.T) {
	for _, row := range []struct {
		name   string
		change func(*request.Request, *plan.Observed)
		want   string
	}{
		{"of the host", func(r *request.Request, o *plan.Observed) {
			r.Take, o.TargetProcess = ns.SetOf(ns.Net), nil
		}, "the host's file system"},
		{"of too many entries", func(_ *request.Request, o *plan.Observed) { o.Root.More = true }, "more than 512 entries"},
		{"with a path as a tool", func(r *request.Request, _ *plan.Observed) { r.View.Tools = []string{"../sh"} }, `"../sh" is not the name`},
		{"with .. as a tool", func(r *request.Request, _ *plan.Observed) { r.View.Tools = []string{".."} }, `".." is not the name`},
		{"with too many tools", func(r *request.Request, _ *plan.Observed) { r.View.Tools = make([]string, 1001) }, "1001 programs"},
		{"of an entry that is a path", func(_ *request.Request, o *plan.Observed) {
			o.Root.Entries = []plan.Entry{{Name: "../etc", Dir: true}}
		}, `an entry named "../etc"`},
		{"of an entry that is ..", func(_ *request.Request, o *plan.Observed) {
			o.Root.Entries = []plan.Entry{{Name: "..", Link: "/"}}
		}, `an entry named ".."`},
	} {
		r, o := viewOfWeb()
		row.change(r, o)
		p, err := plan.New(r, o)
		if err == nil || !strings.Contains(err.Error(), row.want) || exit.Status(err) != exit.Failed {
			t.Errorf("a view %s: %v, %v", row.name, p, err)
		}
	}
}

// A record names the container whose mounts the view is of, even if nothing else is taken from it.
func TestRecordOfAViewNamesTheContainer(t *testing.T) {
	r, o := viewOfWeb()
	r.Take = ns.SetOf(ns.Mnt)
	r.Base.Container = &request.Container{ID: containerID, Name: "web"}
	if j := made(t, r, o).Record(r); len(j.Containers) != 1 || j.Containers[0].ID != containerID {
		t.Errorf("%+v", j)
	}
}

// The files about names are mounted before the view takes the container's mounts, which are private either way.
func TestViewWithNamesOfAnotherContainer(t *testing.T) {
	r, o := viewOfWeb()
	r.Names = &request.Names{Source: source("app"), Asked: true, Made: request.MadeNames{Hosts: "127.0.0.1 localhost\n", Hostname: "app\n"}}
	p := made(t, r, o)
	var ops []string
	for _, s := range p.Steps {
		ops = append(ops, s.Op.String())
	}
	if text := strings.Join(ops, " "); !strings.Contains(text, "join unshare mounts names view pivot keyring") {
		t.Errorf("the steps are %s", text)
	}
}

// In a view with a tree, the container's root directory is at /target, and single mounts are the container's.
func TestViewWithATree(t *testing.T) {
	r, o := viewOfWeb()
	r.View = &request.View{Tree: "/"}
	o.Root.Entries = []plan.Entry{{Name: "dev", Dir: true}, {Name: "etc/hosts"}, {Name: "etc/resolv.conf", Link: "/run/x"}, {Name: "proc", Dir: true}, {Name: "sys"}}
	p := made(t, r, o)
	want := []plan.ViewMount{{From: "/dev", At: "/dev", Dir: true}, {From: "/etc/hosts", At: "/etc/hosts"}, {From: "/proc", At: "/proc", Dir: true}}
	if v := p.View; v.Tree != "/" || v.Target != "/target" || v.Bin != "" || !slices.Equal(v.Mounts, want) || len(v.Links) > 0 {
		t.Errorf("%+v", v)
	}
	if p.Identity.Dir != "/target/srv" || p.Identity.Env[0] != "PATH=/usr/sbin:/usr/bin" {
		t.Errorf("%s, %q", p.Identity.Dir, p.Identity.Env)
	}
	for _, name := range []string{"/etc/resolv.conf", "/sys"} {
		if !slices.Contains(p.Warnings, name+` of "web" is not what an engine makes there, and is only in /target`) {
			t.Errorf("%q", p.Warnings)
		}
	}
	if text := p.String(); !strings.Contains(text, "an overlay of / in the helper's container, ro,nosuid,nodev") || !strings.Contains(text, "/target      the root directory of web") {
		t.Errorf("%s", text)
	}
	r.Dir = "/srv"
	if p := made(t, r, o); p.Identity.Dir != "/srv" {
		t.Errorf("-w /srv is %s", p.Identity.Dir)
	}
}

// With more rights than the container's, only our own programs run, beside the container's files or at its place.
func TestOnlyToolsRunWithMoreRights(t *testing.T) {
	for _, tree := range []request.Word{"", "/"} {
		r, o := viewOfWeb()
		r.View.Tree, r.Profile = tree, request.ProfileNet
		o.Capabilities = 1<<41 - 1
		if tree != "" {
			o.Root.Entries = []plan.Entry{{Name: "proc", Dir: true}}
		}
		p := made(t, r, o)
		at := slices.IndexFunc(p.Steps, func(s plan.Step) bool { return s.Op == plan.OpNoExec })
		if !p.View.NoExec || at < 1 || p.Steps[at-1].Op != plan.OpPivot {
			t.Errorf("with the tree %q: %s", tree, p)
		}
		r.TrustContainer = true
		if made(t, r, o).View.NoExec {
			t.Error("a container that is trusted runs nothing")
		}
	}
}

// The user's own programs are beside the toolbox's, and replace those of the same name.
func TestViewWithProgramsOfTheUser(t *testing.T) {
	files := []request.File{{Name: "gdb", Size: 7}, {Name: "ls", Link: "gdb"}}
	for _, row := range []struct{ dir, of string }{{"", "the caller's machine"}, {"/opt/t", "the engine's host: /opt/t"}} {
		r, o := viewOfWeb()
		r.View.Tools = []string{"cat", "ls", "sh"}
		if r.View.HostDir = request.Word(row.dir); row.dir == "" {
			r.View.Files = files
		} else {
			o.Programs, o.ProgramsLeft = files, "left out of /opt/t: x (dynamic)"
		}
		p := made(t, r, o)
		if v := p.View; !slices.Equal(v.Files, files) || !slices.Equal(v.Tools, []string{"cat", "sh"}) || v.Bin != plan.ToolsDir {
			t.Errorf("%+v", v)
		}
		if text := p.String(); !strings.Contains(text, "2 programs of "+row.of+", 7 bytes: gdb ls") {
			t.Errorf("%s", text)
		}
		if row.dir != "" && !slices.Contains(p.Warnings, o.ProgramsLeft) {
			t.Errorf("%q", p.Warnings)
		}
	}
	for want, files := range map[string][]request.File{
		`"a/b" is not the name`:            {{Name: "a/b", Size: 1}},
		`".." is not the name`:             {{Name: "..", Size: 1}},
		`"a" is not the name of a pro`:     {{Name: "a", Size: 1}, {Name: "a", Size: 1}},
		"have more than 67108864 bytes":    {{Name: "a", Size: 1}, {Name: "b", Size: request.MaxFileBytes}},
		`"b" is a link to "../../etc/x"`:   {{Name: "a", Size: 1}, {Name: "b", Link: "../../etc/x"}},
		`"b" is a link to "c", which is n`: {{Name: "a", Size: 1}, {Name: "b", Link: "c"}, {Name: "c", Link: "a"}},
		"4097 programs, more than 4096":    make([]request.File, request.MaxFiles+1),
	} {
		r, o := viewOfWeb()
		r.View.Files = files
		if p, err := plan.New(r, o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, %v; want %s", p, err, want)
		}
	}
	r, o := viewOfWeb()
	r.View.Files = []request.File{{Name: "a", Size: -1}}
	if _, err := plan.New(r, o); err == nil {
		t.Error("a negative size is accepted")
	}
}
