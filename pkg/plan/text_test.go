package plan_test

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/nsjoin/docker-nsjoin/pkg/ns"
	"github.com/nsjoin/docker-nsjoin/pkg/plan"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
	"github.com/nsjoin/docker-nsjoin/pkg/seccomp"
)

var update = flag.Bool("update", false, "write testdata/*.golden anew")

// inWeb is docker nsjoin web, at a terminal.
func inWeb() (*request.Request, *plan.Observed) {
	r, o := asked(), observed()
	r.Command = nil
	o.Streams = terminal
	o.TargetProcess.Spec.AppArmor = "docker-default"
	o.TargetProcess.Starter.Limits = []plan.Limit{
		{Resource: 0, Soft: plan.Unlimited, Hard: plan.Unlimited},
		{Resource: 4, Soft: 0, Hard: plan.Unlimited},
		{Resource: nofile, Soft: 1024, Hard: 524288},
	}
	o.TargetProcess.Cgroups = []plan.Cgroup{
		{Hierarchy: "cpu,cpuacct", Path: "/docker/0f5eaf3c5d1c"},
		{Hierarchy: "", Path: "/system.slice/docker-0f5eaf3c5d1c.scope"},
	}
	return r, o
}

// onlyNet is docker nsjoin --only net web ip -4 addr.
func onlyNet() (*request.Request, *plan.Observed) {
	r, o := asked(), observed()
	r.Take, r.Command, o.TargetProcess = ns.SetOf(ns.Net), []string{"ip", "-4", "addr"}, nil
	return r, o
}

// twoSources is docker nsjoin --net container:app web sh -c …, with web in a
// user namespace that forbids setgroups(2).
func twoSources() (*request.Request, *plan.Observed) {
	r, o := asked(), observed()
	r.Command = []string{"sh", "-c", `echo "it's $USER" >&2; exit 3`}
	r.Overrides = map[ns.Kind]request.Source{ns.Net: source("app")}
	o.Base, o.SetgroupsDenied = process(webPID, ns.All().Without(ns.SetOf(ns.Time))), true
	o.Overrides = map[ns.Kind]plan.Process{ns.Net: process(appPID, docker())}
	o.Owners = make(map[ns.Kind]ns.ID)
	for _, k := range ns.Kinds() {
		o.Owners[k] = o.Base.Namespaces[ns.User]
	}
	o.Owners[ns.Net] = o.Self.Namespaces[ns.User]
	s := o.TargetProcess
	s.Spec.NoNewPrivileges, s.Spec.Capabilities = true, plan.Capabilities{}
	s.UIDMap = []plan.IDRange{{Inside: 0, Outside: 100000, Count: 65536}}
	s.Starter.CPUs, s.Starter.Nice = []int{1}, 5
	return r, o
}

func TestGoldenPlans(t *testing.T) {
	for _, row := range []struct {
		name string
		plan func() (*request.Request, *plan.Observed)
	}{
		{"in-web", inWeb},
		{"only-net", onlyNet},
		{"names", withNames},
		{"two-sources", twoSources},
		{"view", viewOfWeb},
		{"view-host", hostBesideWeb},
	} {
		for form, end := range map[request.Output]string{
			request.OutputText: ".golden",
			request.OutputJSON: ".json.golden",
		} {
			t.Run(row.name+end, func(t *testing.T) {
				var b bytes.Buffer
				r, o := row.plan()
				if err := made(t, r, o).Print(&b, form); err != nil {
					t.Fatal(err)
				}
				golden(t, filepath.Join("testdata", row.name+end), b.Bytes())
			})
		}
	}
}

func golden(t *testing.T, file string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("it is not %s; -update writes it anew, for git diff\n%s", file, got)
	}
}

func TestPrintPassesTheWritersErrorOn(t *testing.T) {
	broken := errors.New("broken")
	for _, form := range []request.Output{request.OutputText, request.OutputJSON} {
		if err := made(t, asked(), observed()).Print(failing{broken}, form); !errors.Is(err, broken) {
			t.Errorf("%s: error %v, want %v", form, err, broken)
		}
	}
}

type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }

// The command is quoted for a shell, and cannot control a terminal.
func TestPrintedCommandIsQuoted(t *testing.T) {
	for _, row := range []struct {
		name string
		arg  string
		want string
	}{
		{"a plain word", "/usr/bin/a-b_c@d%e+f=g:h,i.J9", "/usr/bin/a-b_c@d%e+f=g:h,i.J9"},
		{"a blank", "a b", `'a b'`},
		{"nothing", "", `''`},
		{"a single quote", "it's", `'it'\''s'`},
		{"double quotes and a dollar", `"$A"`, `'"$A"'`},
		{"a backslash", `a\n`, `'a\n'`},
		{"a tilde", "~", `'~'`},
		{"a pattern between plain letters", "a*b", `'a*b'`},
		{"other alphabets", "größe", `'größe'`},
		{"a new line", "a\nb", `"a\nb"`},
		{"a tab", "a\tb", `"a\tb"`},
		{"an escape sequence", "\x1b[2J", `"\x1b[2J"`},
		{"an eight-bit escape", "\u009b2J", `"\u009b2J"`},
		{"text that turns around", "a\u202eb", `"a\u202eb"`},
	} {
		r := asked()
		r.Command = []string{"echo", row.arg, "end"}
		first, _, _ := strings.Cut(made(t, r, observed()).String(), "\n")
		if want := "run echo " + row.want + " end in web"; first != want {
			t.Errorf("%s: %s\nwant %s", row.name, first, want)
		}
	}
}

func TestPlanSaysNoneWhereThereIsNone(t *testing.T) {
	o := observed()
	s := o.TargetProcess
	s.Spec.Groups, s.Spec.Capabilities, s.Cgroups = nil, plan.Capabilities{}, nil
	s.Spec.Seccomp, s.Filters = false, nil
	s.Starter.Limits = []plan.Limit{{Resource: nofile, Soft: plan.Unlimited, Hard: plan.Unlimited}}
	text := made(t, asked(), o).String()
	for _, line := range []string{
		"  user         uid 1000, gid 1001, groups none\n",
		"  capabilities none\n",
		"  bounding     none\n",
		"  seccomp      none\n",
		"  limits       none\n",
	} {
		if !strings.Contains(text, line) {
			t.Errorf("no line %q in\n%s", line, text)
		}
	}
	for _, word := range []string{"  cgroup ", "  label "} {
		if _, identity, _ := strings.Cut(text, "identity"); strings.Contains(identity, "\n"+word) {
			t.Errorf("there is a line of %q in\n%s", word, text)
		}
	}
}

func TestPlanNamesTheFiltersInTheirOrder(t *testing.T) {
	o := observed()
	o.TargetProcess.Filters = []plan.Filter{{Program: allowing(3)}, {Program: allowing(120)}}
	const want = "  seccomp      filter of 3 instructions, filter of 120 instructions\n"
	if text := made(t, asked(), o).String(); !strings.Contains(text, want) {
		t.Errorf("no line %q in\n%s", want, text)
	}
}

func TestPrivilegedDoesNotLiftAFilter(t *testing.T) {
	r, o := asked(), observed()
	r.Privileged = true
	const want = "  seccomp      filter of 3 instructions, which --privileged does not lift\n"
	o.TargetProcess.Filters = []plan.Filter{{Program: allowing(3)}}
	if text := made(t, r, o).String(); !strings.Contains(text, want) {
		t.Errorf("no line %q in\n%s", want, text)
	}
	o.TargetProcess.Filters, o.TargetProcess.Spec.Seccomp = nil, false
	if text := made(t, r, o).String(); !strings.Contains(text, "  seccomp      none\n") {
		t.Errorf("without a filter it says\n%s", text)
	}
}

// If the filter may not be copied, it is compiled from the profile, with --privileged too.
func TestFilterIsMadeWhereItMayNotBeCopied(t *testing.T) {
	r, o := asked(), observed()
	o.TargetProcess.Filters, o.TargetProcess.FiltersErr, o.TargetProcess.FiltersDenied = nil, fs.ErrPermission, true
	o.TargetProcess.Profile = &seccomp.Profile{DefaultAction: "SCMP_ACT_ALLOW", Flags: []string{"SECCOMP_FILTER_FLAG_LOG"}}
	program, err := o.TargetProcess.Profile.Compile()
	if err != nil {
		t.Fatal(err)
	}
	p := made(t, r, o)
	want := []plan.Filter{{Program: program, Flags: 2, Compiled: true}}
	if got := p.Identity.Container.Filters; !reflect.DeepEqual(got, want) {
		t.Errorf("filters %+v\nwant %+v", got, want)
	}
	line := fmt.Sprintf("  seccomp      filter of %d instructions, made from the profile\n", len(program))
	if text := p.String(); !strings.Contains(text, line) {
		t.Errorf("no line %q in\n%s", line, text)
	}
	r.Privileged = true
	if got := made(t, r, o).Identity.Container.Filters; !reflect.DeepEqual(got, want) {
		t.Errorf("--privileged has %+v", got)
	}
}

func TestPlanSaysThatTheCommandIsLeft(t *testing.T) {
	r := asked()
	const line = "  streams      no standard input\n  detached     yes\n"
	if text := made(t, r, observed()).String(); strings.Contains(text, "detached") {
		t.Errorf("it is attended, and the plan says\n%s", text)
	}
	r.Detach = true
	if text := made(t, r, observed()).String(); !strings.Contains(text, line) {
		t.Errorf("no lines %q in\n%s", line, text)
	}
}

func TestDirectoryOfTheCallerIsSaidWhereItIsAsked(t *testing.T) {
	r := asked()
	r.Take = 0
	const line = "\n  directory    srv\n"
	if text := made(t, r, observed()).String(); strings.Contains(text, "directory") {
		t.Errorf("it stays, and the plan says\n%s", text)
	}
	r.Dir = "srv"
	if text := made(t, r, observed()).String(); !strings.Contains(text, line) {
		t.Errorf("no line %q in\n%s", line, text)
	}
}

func TestWhoseIdentityIsSaid(t *testing.T) {
	for _, row := range []struct {
		name string
		vary func(*request.Request, *plan.Observed)
		want string
	}{
		{"a container", func(*request.Request, *plan.Observed) {}, "a docker exec command"},
		{"a process", func(_ *request.Request, o *plan.Observed) { o.TargetProcess.ContainerID = "" }, "that process"},
		{"the caller", func(r *request.Request, _ *plan.Observed) { r.Take = 0 }, "the caller, unchanged"},
		{
			"the caller in a user namespace",
			func(r *request.Request, o *plan.Observed) {
				r.Take, o.Base = ns.SetOf(ns.User), process(webPID, ns.All())
			},
			"the caller, as root of the user namespace",
		},
	} {
		r, o := asked(), observed()
		row.vary(r, o)
		if text, line := made(t, r, o).String(), "\nidentity\n  runs as      "+row.want+"\n"; !strings.Contains(text, line) {
			t.Errorf("%s: no line %q in\n%s", row.name, line, text)
		}
	}
}
