//go:build linux

package join

import (
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/ns"
	"github.com/nsjoin/docker-nsjoin/pkg/plan"
	"github.com/nsjoin/docker-nsjoin/pkg/seccomp"
)

// stderr is descriptor 2. With -json, package testing sets os.Stderr to os.Stdout.
var stderr = os.NewFile(2, "stderr")

// compiled compiles a plan with this process's own standard streams.
func compiled(t *testing.T, p *plan.Plan, sources map[int]Source) (*program, error) {
	t.Helper()
	if len(p.Command.Args) == 0 {
		p.Command = plan.Command{Args: []string{"true"}, Paths: []string{"/bin/true"}}
	}
	stdio := [3]*os.File{os.Stdin, os.Stdout, stderr}
	held := Held{Sources: sources, Stdio: stdio, Cgroups: []*os.File{os.Stdout}}
	if p.View != nil {
		held.View = os.Stdin
	}
	if p.Mounting != nil {
		held.Mount = &HeldMount{Source: os.Stdin, Target: os.Stdin}
	}
	prog, err := compile(p, held, false, testChannel(t))
	if err == nil {
		t.Cleanup(prog.close)
		prog.code = prog.code[2:] // the first ones set the name and keep the report from being inherited
	}
	return prog, err
}

func TestUnknownOperationIsNotCompiled(t *testing.T) {
	for _, op := range []plan.Op{0, plan.EndOfOps} {
		p := &plan.Plan{Steps: []plan.Step{{Op: plan.OpSettle}, {Op: op}, {Op: plan.OpExec}}}
		prog, err := compiled(t, p, nil)
		if prog != nil || err == nil || !strings.HasSuffix(err.Error(), "unknown "+op.String()) {
			t.Errorf("%v, %v", prog, err)
		}
	}
}

// Each operation of package plan has a row here.
func TestEveryOperationIsCompiled(t *testing.T) {
	who := &plan.ContainerIdentity{
		Keyring: "_ses.1f", AppArmor: "docker-default", CPUs: []int{0},
		Filters: []plan.Filter{{Program: []seccomp.Instruction{{Code: unix.BPF_RET, K: unix.SECCOMP_RET_ALLOW}}}},
		Limits:  []plan.Limit{{Resource: 7, Soft: 1, Hard: 2}},
		Cgroups: []plan.Cgroup{{Hierarchy: "pids", Path: "/a"}},
	}
	source := Source{Namespaces: map[ns.Kind]*os.File{ns.Net: open(t, "/proc/self/ns/net")}}
	for op := plan.Op(1); op < plan.EndOfOps; op++ {
		if op == plan.OpSockets { // a thread of the helper does it
			continue
		}
		p := &plan.Plan{
			Forward:  &plan.Forward{Path: "/run/socket"},
			Mounting: &plan.Mounting{Source: "/src", Target: "/at", Flags: []string{"ro"}},
			Identity: plan.Identity{Dir: "/", Container: who},
			Names:    &plan.Names{Files: []plan.NameFile{{Path: "/etc/hosts", Text: "::1 localhost\n"}}, Hidden: []string{"/run/nscd"}},
			View:     &plan.View{Mounts: []plan.ViewMount{{From: "/etc", At: "/etc", Dir: true}}},
			Steps:    []plan.Step{{Op: op, PID: 7, Kinds: ns.SetOf(ns.Net), At: "/proc"}},
		}
		if op == plan.OpFind {
			p.Steps = append([]plan.Step{{Op: plan.OpExec}}, p.Steps...) // it fails as the exec does
		}
		prog, err := compiled(t, p, map[int]Source{7: source})
		if err != nil {
			t.Errorf("%s: %v", op, err)
			continue
		}
		if !slices.ContainsFunc(prog.code, func(o instruction) bool { return o.step == 0 }) {
			t.Errorf("%s: there is no instruction", op)
		}
	}
}

// The user namespace is joined last: the right to join the others is lost with it.
func TestJoinIsAtOnceOrEachUserLast(t *testing.T) {
	source := Source{Pidfd: open(t, "/proc/self/status"), Namespaces: make(map[ns.Kind]*os.File)}
	kinds := ns.SetOf(ns.User, ns.UTS, ns.Net)
	for _, k := range kinds.Kinds() {
		source.Namespaces[k] = open(t, "/proc/self/ns/"+k.String())
	}
	p := &plan.Plan{Steps: []plan.Step{{Op: plan.OpJoin, From: "web", PID: 7, Kinds: kinds}}}
	prog, err := compiled(t, p, map[int]Source{7: source})
	if err != nil {
		t.Fatal(err)
	}
	want := []instruction{
		{do: joinAtOnce, args: [6]uintptr{source.Pidfd.Fd(), unix.CLONE_NEWUSER | unix.CLONE_NEWUTS | unix.CLONE_NEWNET}},
		{do: joinEach, args: [6]uintptr{source.Namespaces[ns.Net].Fd(), unix.CLONE_NEWNET}},
		{do: joinEach, args: [6]uintptr{source.Namespaces[ns.UTS].Fd(), unix.CLONE_NEWUTS}},
		{do: joinEach, args: [6]uintptr{source.Namespaces[ns.User].Fd(), unix.CLONE_NEWUSER}},
	}
	for i := range want {
		want[i].call = unix.SYS_SETNS
	}
	if !slices.Equal(prog.code[:len(want)], want) {
		t.Errorf("the instructions are %+v\nwant %+v", prog.code, want)
	}
}

func TestJoinOfAProcessThatIsNotHeld(t *testing.T) {
	p := &plan.Plan{Steps: []plan.Step{{Op: plan.OpJoin, From: "web", PID: 7, Kinds: ns.SetOf(ns.Net)}}}
	pidfd := open(t, "/proc/self/status")
	for message, sources := range map[string]map[int]Source{
		"join net of web (pid 7): process 7 is not held":                  {8: {Pidfd: pidfd}},
		"join net of web (pid 7): net namespace of process 7 is not open": {7: {Pidfd: pidfd}},
	} {
		if _, err := compiled(t, p, sources); err == nil || err.Error() != message {
			t.Errorf("%v, want %s", err, message)
		}
	}
}

// Our descriptors are closed before the process is visible in the container, and before a filter of the
// container's could forbid closing them.
func TestDescriptorsAreClosedOnceTheyAreNotNeeded(t *testing.T) {
	source := Source{Pidfd: open(t, "/proc/self/status"), Namespaces: map[ns.Kind]*os.File{ns.Net: open(t, "/proc/self/ns/net")}}
	for name, ops := range map[string][]plan.Op{
		"fork first":    {plan.OpFork, plan.OpSession, plan.OpSettle, plan.OpExec},
		"session first": {plan.OpSession, plan.OpTerminal, plan.OpSettle, plan.OpExec},
		"settle first":  {plan.OpSettle, plan.OpExec},
		"filter first":  {plan.OpSeccomp, plan.OpFork, plan.OpSettle, plan.OpExec},
		"joined":        {plan.OpJoin, plan.OpSeccomp, plan.OpFork, plan.OpSettle, plan.OpExec},
	} {
		p := &plan.Plan{Identity: plan.Identity{Container: &plan.ContainerIdentity{NoNewPrivileges: true}}}
		for _, op := range ops {
			p.Steps = append(p.Steps, plan.Step{Op: op, PID: 7, Kinds: ns.SetOf(ns.Net)})
		}
		prog, err := compiled(t, p, map[int]Source{7: source})
		if err != nil {
			t.Fatal(err)
		}
		at := slices.IndexFunc(prog.code, func(o instruction) bool { return o.do == lowerPipes })
		for i, o := range prog.code {
			if i < at && o.call != unix.SYS_RT_SIGACTION && o.call != unix.SYS_RT_SIGPROCMASK && o.call != unix.SYS_SETNS {
				t.Errorf("%s: instruction %d is before: %+v", name, i, o)
			}
			if i > at+1 && o.do == closeRange || i > at && o.call == unix.SYS_SETNS {
				t.Errorf("%s: instruction %d is after: %+v", name, i, o)
			}
		}
		if at < 0 || prog.code[at].args != [6]uintptr{3, 4} || prog.code[at+1].do != closeRange || prog.code[at+1].args != [6]uintptr{5, maxFD} {
			t.Errorf("%s: the pipes are not 3 and 4, or the others are not closed: %+v", name, prog.code[max(at, 0):])
		}
	}
}

// The view's descriptor is the only one that is left beside the pipes, and is closed before the container can see
// the process.
func TestOnlyTheViewIsOpenWhileItIsMounted(t *testing.T) {
	source := Source{Namespaces: map[ns.Kind]*os.File{ns.Net: open(t, "/proc/self/ns/net")}}
	p := &plan.Plan{
		Identity: plan.Identity{Container: &plan.ContainerIdentity{}},
		View:     &plan.View{Mounts: []plan.ViewMount{{From: "/etc", At: "/etc"}, {From: "/data", At: "/target/data"}}},
	}
	for _, op := range []plan.Op{plan.OpJoin, plan.OpView, plan.OpPivot, plan.OpFork, plan.OpSettle, plan.OpExec} {
		p.Steps = append(p.Steps, plan.Step{Op: op, PID: 7, Kinds: ns.SetOf(ns.Net)})
	}
	prog, err := compiled(t, p, map[int]Source{7: source})
	if err != nil {
		t.Fatal(err)
	}
	at := slices.IndexFunc(prog.code, func(o instruction) bool { return o.do == lowerPipes })
	type row struct {
		do   action
		call uintptr
	}
	want := []row{
		{do: lowerPipes},
		{call, unix.SYS_DUP3},
		{do: closeRange},
		{call, unix.SYS_MOVE_MOUNT},
		{call, unix.SYS_FCHDIR},
		{do: mountTree},
		{do: mountTree},
		{call, unix.SYS_CLOSE},
		{call, unix.SYS_PIVOT_ROOT},
		{call, unix.SYS_UMOUNT2},
		{call, unix.SYS_CHDIR},
		{do: forkAgain},
	}
	for i, o := range prog.code[at : at+len(want)] {
		if (row{o.do, o.call}) != want[i] {
			t.Errorf("instruction %d is %+v, want %+v", i, o, want[i])
		}
	}
	if o := prog.code[at+2]; o.args[0] != viewFD+1 || o.args[1] != maxFD {
		t.Errorf("it closes %+v", o)
	}
	if o := prog.code[at+7]; o.args[0] != viewFD {
		t.Errorf("it closes %d, not the view", o.args[0])
	}
}

// The caller's descriptors that a command on the host inherits stay open, and the two pipes.
func TestInheritedDescriptorsStayOpen(t *testing.T) {
	p := &plan.Plan{Steps: []plan.Step{{Op: plan.OpFork}, {Op: plan.OpSettle}, {Op: plan.OpExec}}}
	p.Command = plan.Command{Args: []string{"true"}, Paths: []string{"/bin/true"}}
	prog, err := compile(p, Held{Stdio: [3]*os.File{os.Stdin, os.Stdout, stderr}, Inherited: []int{7}}, false, testChannel(t))
	if err != nil {
		t.Fatal(err)
	}
	defer prog.close()
	at := slices.IndexFunc(prog.code, func(o instruction) bool { return o.do == closeRange })
	if at < 0 || len(prog.code) < at+4 {
		t.Fatalf("nothing is closed: %+v", prog.code)
	}
	next := uintptr(3)
	kept := []uintptr{7, min(prog.notify, prog.sync), max(prog.notify, prog.sync)}
	for i, o := range prog.code[at : at+4] {
		end := uintptr(maxFD)
		if i < len(kept) {
			end = kept[i]
		}
		if o.do != closeRange || o.args[0] != next || o.args[1] != end {
			t.Errorf("instruction %d is %+v, want one that closes from %d to %d", i, o, next, end)
		}
		next = end + 1
	}
}

func TestStreamsAreDuplicatedToTheirNumbers(t *testing.T) {
	p := &plan.Plan{Command: plan.Command{Args: []string{"true"}, Paths: []string{"/bin/true"}}}
	null := open(t, "/dev/null")
	prog, err := compile(p, Held{Stdio: [3]*os.File{null, os.Stdout, null}}, false, testChannel(t))
	if err != nil {
		t.Fatal(err)
	}
	want := []instruction{
		{do: call, step: -1, call: unix.SYS_DUP3, args: [6]uintptr{null.Fd(), 0, 0}},
		{do: call, step: -1, call: unix.SYS_DUP3, args: [6]uintptr{null.Fd(), 2, 0}},
	}
	if got := prog.code[2:]; !slices.Equal(got, want) {
		t.Errorf("the instructions are %+v\nwant %+v", got, want)
	}
}

// A C string ends at a NUL.
func TestTextWithANULIsRefused(t *testing.T) {
	for want, p := range map[string]*plan.Plan{
		"the command's arguments":   {Command: plan.Command{Args: []string{"a", "b\x00c"}}},
		"the command's name":        {Command: plan.Command{Args: []string{"a"}, Paths: []string{"/bin/a\x00"}}},
		"the command's environment": {Command: plan.Command{Args: []string{"a"}}, Identity: plan.Identity{Env: []string{"A=\x00"}}},
		"change to /\x00": {
			Command: plan.Command{Args: []string{"a"}}, Steps: []plan.Step{{Op: plan.OpDir}},
			Identity: plan.Identity{Dir: "/\x00"},
		},
	} {
		if _, err := compiled(t, p, nil); !errors.Is(err, unix.EINVAL) || !strings.HasPrefix(err.Error(), want+": ") {
			t.Errorf("%v, want %s: %v", err, want, unix.EINVAL)
		}
	}
}

func open(t *testing.T, path string) *os.File {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}
