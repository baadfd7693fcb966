package plan_test

import (
	"io/fs"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/nsjoin/docker-nsjoin/pkg/ns"
	"github.com/nsjoin/docker-nsjoin/pkg/plan"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

// atTerminal is docker nsjoin web at a terminal, with Spec.Env as the engine sets it.
func atTerminal(callerEnv string) (*request.Request, *plan.Observed) {
	r, o := asked(), observed()
	r.CallerEnv = strings.Fields(callerEnv)
	o.Streams = terminal
	o.TargetProcess.Terms = plan.TerminalNames(r, o.Streams)[:1] // the container knows the caller's TERM
	o.TargetProcess.Spec.Env, o.TargetProcess.ConfigEnv = []string{"PATH=/bin", "HOSTNAME=web", "A=1"}, []string{"A=1"}
	return r, o
}

// The command's terminal behaves like the caller's, so it has the same TERM.
func TestTERMIsTheCallers(t *testing.T) {
	for _, row := range []struct{ name, caller, configured, overrides, want string }{
		{"TERM", "TERM=foot", "", "", "TERM=foot A=1"},
		{"TERM and COLORTERM", "COLORTERM=truecolor TERM=foot", "", "", "TERM=foot COLORTERM=truecolor A=1"},
		{"TERM twice", "TERM=foot TERM=vt100", "", "", "TERM=vt100 A=1"},
		{"no TERM", "A=2", "", "", "TERM=xterm-256color A=1"},
		{"an empty TERM", "TERM=", "", "", "TERM=xterm-256color A=1"},
		{"no TERM but COLORTERM", "COLORTERM=24bit", "", "", "TERM=xterm-256color COLORTERM=24bit A=1"},
		{"a variable whose name begins with TERM", "TERMINFO=/t", "", "", "TERM=xterm-256color A=1"},
		{"the container's configuration has priority", "TERM=foot COLORTERM=truecolor", "TERM=vt100 COLORTERM=no", "", "TERM=vt100 A=1 COLORTERM=no"},
		{"the container's configuration unsets both", "TERM=foot COLORTERM=truecolor", "TERM COLORTERM", "", "A=1"},
		{"-e has priority over all", "TERM=foot", "TERM=vt100", "TERM=vt52", "TERM=vt52 A=1"},
		{"-e keeps the position", "TERM=foot COLORTERM=truecolor", "", "COLORTERM=no TERM=vt52", "TERM=vt52 COLORTERM=no A=1"},
		{"-e unsets", "TERM=foot COLORTERM=truecolor", "", "TERM COLORTERM", "A=1"},
		{"-e unsets a configured one", "TERM=foot", "TERM=vt100", "TERM", "A=1"},
	} {
		r, o := atTerminal(row.caller)
		r.Env = strings.Fields(row.overrides)
		for v := range strings.FieldsSeq(row.configured) {
			o.TargetProcess.ConfigEnv = append(o.TargetProcess.ConfigEnv, v)
			if strings.Contains(v, "=") {
				o.TargetProcess.Spec.Env = append(o.TargetProcess.Spec.Env, v)
			}
		}
		got := strings.Join(made(t, r, o).Identity.Env, " ")
		if want := "PATH=/bin HOSTNAME=web " + row.want + " HOME=/home/web"; got != want {
			t.Errorf("%s: environment %s\nwant %s", row.name, got, want)
		}
	}
}

// The caller's TERM is passed on if the container knows it, else the usual one if it knows that, else
// docker exec's. A TERM that is not a plain file name is never looked up.
func TestTERMIsOneThatTheContainerKnows(t *testing.T) {
	for _, row := range []struct{ name, term, knows, want, looked string }{
		{"the caller's and the usual one are known", "foot", "foot xterm-256color", "foot", "foot xterm-256color"},
		{"only the caller's is known", "foot", "foot", "foot", "foot xterm-256color"},
		{"only the usual one is known", "foot", "xterm-256color", "xterm-256color", "foot xterm-256color"},
		{"none is known", "foot", "", "xterm", "foot xterm-256color"},
		{"the usual one is the caller's", "xterm-256color", "", "xterm", "xterm-256color"},
		{"a path", "../f/foot", "", "xterm", "xterm-256color"},
		{"a hidden file", ".foot", "", "xterm", "xterm-256color"},
		{"a long name", strings.Repeat("x", 65), "", "xterm", "xterm-256color"},
		{"a name with a control character", "f\x1boot", "", "xterm", "xterm-256color"},
		{"another one", "rxvt-unicode-256color", "rxvt-unicode-256color", "rxvt-unicode-256color", "rxvt-unicode-256color xterm-256color"},
	} {
		r, o := atTerminal("TERM=" + row.term)
		if got := strings.Join(plan.TerminalNames(r, o.Streams), " "); got != row.looked {
			t.Errorf("%s: looked up are %s, want %s", row.name, got, row.looked)
		}
		o.TargetProcess.Terms = strings.Fields(row.knows)
		if got := made(t, r, o).Identity.Env; !slices.Contains(got, "TERM="+row.want) {
			t.Errorf("%s: environment %q, want TERM=%s", row.name, got, row.want)
		}
	}
}

// With -t and a caller without a terminal, the caller's TERM and COLORTERM are not passed on.
func TestTERMOfACallerWithoutATerminal(t *testing.T) {
	r, o := atTerminal("TERM=foot COLORTERM=truecolor")
	r.Terminal, o.Streams = request.TerminalAlways, request.Streams{}
	if names := plan.TerminalNames(r, o.Streams); names != nil {
		t.Errorf("looked up are %q", names)
	}
	if got := strings.Join(made(t, r, o).Identity.Env, " "); got != "PATH=/bin HOSTNAME=web TERM=xterm A=1 HOME=/home/web" {
		t.Errorf("environment %s", got)
	}
}

func TestCommandWithoutATerminalHasNoTERM(t *testing.T) {
	for name, vary := range map[string]func(*request.Request, *plan.Observed){
		"-T":       func(r *request.Request, _ *plan.Observed) { r.Terminal = request.TerminalNever },
		"a pipe":   func(_ *request.Request, o *plan.Observed) { o.Streams.OutputTerminal = false },
		"detached": func(r *request.Request, _ *plan.Observed) { r.Detach = true },
	} {
		r, o := atTerminal("TERM=foot COLORTERM=truecolor")
		vary(r, o)
		p := made(t, r, o)
		if got := strings.Join(p.Identity.Env, " "); p.Terminal || got != "PATH=/bin HOSTNAME=web A=1 HOME=/home/web" {
			t.Errorf("%s: terminal %v, environment %s", name, p.Terminal, got)
		}
	}
}

func TestVariablesOfTheCommandLine(t *testing.T) {
	for _, row := range []struct{ name, env, want string }{
		{"a new one comes last", "B=2", "PATH=/bin HOSTNAME=web A=1 B=2 HOME=/home/web"},
		{"an existing one keeps its position", "HOSTNAME=x", "PATH=/bin HOSTNAME=x A=1 HOME=/home/web"},
		{"the last of two", "B=1 C=1 B=2", "PATH=/bin HOSTNAME=web A=1 B=2 C=1 HOME=/home/web"},
		{"a name alone unsets", "A", "PATH=/bin HOSTNAME=web HOME=/home/web"},
		{"a name alone of an unset variable", "B", "PATH=/bin HOSTNAME=web A=1 HOME=/home/web"},
		{"unset, then set", "A A=2", "PATH=/bin HOSTNAME=web A=2 HOME=/home/web"},
		{"set, then unset, which has no effect in the engine", "B=1 B", "PATH=/bin HOSTNAME=web A=1 B=1 HOME=/home/web"},
		{"an empty value is set", "A=", "PATH=/bin HOSTNAME=web A= HOME=/home/web"},
		{"a prefix of another name", "HOST", "PATH=/bin HOSTNAME=web A=1 HOME=/home/web"},
		{"HOME", "HOME=/srv", "PATH=/bin HOSTNAME=web A=1 HOME=/srv"},
	} {
		r, o := atTerminal("")
		r.Terminal, r.Env = request.TerminalNever, strings.Fields(row.env)
		if got := strings.Join(made(t, r, o).Identity.Env, " "); got != row.want {
			t.Errorf("%s: environment %s\nwant %s", row.name, got, row.want)
		}
		if got := strings.Join(o.TargetProcess.Spec.Env, " "); got != "PATH=/bin HOSTNAME=web A=1" {
			t.Errorf("%s: the observation was changed to %s", row.name, got)
		}
	}
}

func TestVariablesOfTheCommandLineOnTheHost(t *testing.T) {
	r := asked()
	r.Take, r.CallerEnv = ns.SetOf(ns.Net), []string{"PATH=/usr/bin", "A=1", "DOCKER_CLI_PLUGIN_SOCKET=@s"}
	r.Env = []string{"PATH=/bin", "A", "B=2", "DOCKER_CLI_PLUGIN_SOCKET=mine"}
	p := made(t, r, observed())
	if want := []string{"PATH=/bin", "B=2", "DOCKER_CLI_PLUGIN_SOCKET=mine"}; !slices.Equal(p.Identity.Env, want) {
		t.Errorf("environment %q, want %q", p.Identity.Env, want)
	}
	if got := p.Command.Paths; !slices.Equal(got, []string{"/bin/ls"}) {
		t.Errorf("it is looked up at %q", got)
	}
	if r.CallerEnv[0] != "PATH=/usr/bin" {
		t.Errorf("the request was changed to %q", r.CallerEnv)
	}
}

func TestDirectory(t *testing.T) {
	for _, row := range []struct {
		name, asked, own string
		take             ns.Set
		want             string
	}{
		{"the container's", "", "/srv", ns.All(), "/srv"},
		{"/ if the container has none", "", "", ns.All(), "/"},
		{"-w", "/opt", "/srv", ns.All(), "/opt"},
		{"-w is not cleaned", "/opt/../x//", "/srv", ns.All(), "/opt/../x//"},
		{"-w has priority over a relative one of the container", "/opt", "srv", ns.All(), "/opt"},
		{"the caller's", "", "/srv", ns.SetOf(ns.Net), ""},
		{"-w on the host", "/opt", "/srv", ns.SetOf(ns.Net), "/opt"},
		{"a relative -w on the host", "opt/a", "/srv", ns.SetOf(ns.Net), "opt/a"},
	} {
		r, o := asked(), observed()
		r.Take, r.Dir, o.TargetProcess.Spec.Dir = row.take, request.Word(row.asked), row.own
		if got := made(t, r, o).Identity.Dir; got != row.want {
			t.Errorf("%s: %q, want %q", row.name, got, row.want)
		}
	}
}

// --privileged grants all capabilities that the helper has, which may not be all, and keeps the
// container's filter.
func TestPrivilegedKeepsTheFilter(t *testing.T) {
	r, o := asked(), observed()
	r.Privileged, o.Capabilities = true, capSet("chown", "sys_admin", "net_admin")
	o.TargetProcess.Spec.Capabilities.Inheritable, o.TargetProcess.Spec.Capabilities.Ambient = 1, 1
	o.TargetProcess.Filters = []plan.Filter{{Program: allowing(3)}}
	c := made(t, r, o).Identity.Container
	want := plan.Capabilities{Bounding: o.Capabilities, Permitted: o.Capabilities, Effective: o.Capabilities}
	if c.Capabilities != want {
		t.Errorf("capabilities %+v, want %+v", c.Capabilities, want)
	}
	if len(c.Filters) != 1 || len(c.Seccomp) != 1 {
		t.Errorf("filters %v, %v", c.Filters, c.Seccomp)
	}
	o.TargetProcess.FiltersErr = fs.ErrPermission
	if p, err := plan.New(r, o); err == nil {
		t.Errorf("a filter that cannot be copied is omitted: %+v", p.Identity.Container)
	}
}

// Like docker exec --privileged it changes nothing else.
func TestPrivilegedChangesOnlyCapabilities(t *testing.T) {
	r, o := asked(), observed()
	o.TargetProcess.Spec.AppArmor, o.TargetProcess.Spec.NoNewPrivileges = "docker-default", true
	want := made(t, r, o).Identity
	r.Privileged = true
	got := made(t, r, o).Identity
	for _, c := range []*plan.ContainerIdentity{want.Container, got.Container} {
		c.Capabilities, c.Privileged = plan.Capabilities{}, false
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("it is %+v\nwant %+v", got.Container, want.Container)
	}
}

func TestLeadsSession(t *testing.T) {
	for _, row := range []struct {
		take         ns.Set
		detach, want bool
	}{
		{ns.All(), false, true},
		{ns.All(), true, true},
		{ns.SetOf(ns.Net), false, false},
		{ns.SetOf(ns.Net), true, true},
	} {
		r := asked()
		r.Take, r.Detach = row.take, row.detach
		p := made(t, r, observed())
		if got := p.LeadsSession(); got != row.want || p.Detach != row.detach {
			t.Errorf("%q, detached %v: %v, want %v; detached in the plan: %v", row.take, row.detach, got, row.want, p.Detach)
		}
	}
}

func TestDetachKeysNeedATerminal(t *testing.T) {
	r, o := asked(), observed()
	r.DetachKeys = []byte{16, 17}
	if got := made(t, r, o).DetachKeys; got != nil {
		t.Errorf("without a terminal they are %v", got)
	}
	o.Streams = terminal
	if got := made(t, r, o).DetachKeys; !slices.Equal(got, r.DetachKeys) {
		t.Errorf("with a terminal they are %v, want %v", got, r.DetachKeys)
	}
	r.Detach = true
	if got := made(t, r, o).DetachKeys; got != nil {
		t.Errorf("detached they are %v", got)
	}
}
