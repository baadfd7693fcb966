//go:build linux

package join

import (
	"os"
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/ns"
	"github.com/nsjoin/docker-nsjoin/pkg/plan"
)

// The new map has the IDs of our own map, whatever they are outside.
func TestIDsAreMappedToThemselves(t *testing.T) {
	for _, row := range []struct{ ours, want string }{
		{"         0          0 4294967295\n", "0 0 4294967295\n"},
		{"         0     100000      65536\n", "0 0 65536\n"},
		{"         0       1000          1\n         1     100000      65536\n", "0 0 1\n1 1 65536\n"},
		{"", ""},
		{"0 0\n", ""},
	} {
		if got := string(toItself([]byte(row.ours))); got != row.want {
			t.Errorf("of %q: %q, want %q", row.ours, got, row.want)
		}
	}
}

// callsOf returns the arguments of each system call nr in a program.
func callsOf(prog *program, nr uintptr) (calls [][6]uintptr) {
	for _, o := range prog.code {
		if o.call == nr {
			calls = append(calls, o.args)
		}
	}
	return calls
}

func TestMountsAreOfThisNamespaceOnly(t *testing.T) {
	for op, flags := range map[plan.Op]uintptr{
		plan.OpMounts: unix.MS_REC | unix.MS_PRIVATE,
		plan.OpSlave:  unix.MS_REC | unix.MS_SLAVE,
		plan.OpProc:   unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC,
	} {
		prog, err := compiled(t, &plan.Plan{Steps: []plan.Step{{Op: op, At: "/proc"}}}, nil)
		if err != nil {
			t.Fatal(err)
		}
		calls := callsOf(prog, unix.SYS_MOUNT)
		if len(calls) != 1 || calls[0][3] != flags {
			t.Errorf("%s: %v, want one mount with flags %#x", op, calls, flags)
		}
	}
}

func TestNewNamespacesAreMadeAtOnce(t *testing.T) {
	kinds := ns.SetOf(ns.User, ns.Mnt, ns.Net)
	prog, err := compiled(t, &plan.Plan{Steps: []plan.Step{{Op: plan.OpUnshare, Kinds: kinds}, {Op: plan.OpMap}}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if calls := callsOf(prog, unix.SYS_UNSHARE); len(calls) != 1 || calls[0][0] != uintptr(kinds.Flags()) {
		t.Errorf("%v, want one unshare of %#x", calls, kinds.Flags())
	}
	var asked []uintptr
	for _, o := range prog.code {
		if o.do == await {
			asked = append(asked, o.args[0])
		}
	}
	if len(asked) != 1 || asked[0] != messageMap {
		t.Errorf("the helper is asked for %v", asked)
	}
}

// A file is joined with its kind's flag, so that the kernel compares the kinds once more.
func TestFileIsJoinedAsItsKind(t *testing.T) {
	f := open(t, "/proc/self/ns/uts")
	p := &plan.Plan{
		Command: plan.Command{Args: []string{"true"}, Paths: []string{"/bin/true"}},
		Steps:   []plan.Step{{Op: plan.OpJoin, Kinds: ns.SetOf(ns.UTS), From: "ns:/run/blue"}},
	}
	channel := testChannel(t)
	held := Held{Paths: map[string]*os.File{"ns:/run/blue": f}, Stdio: [3]*os.File{os.Stdin, os.Stdout, stderr}}
	prog, err := compile(p, held, false, channel)
	if err != nil {
		t.Fatal(err)
	}
	calls := callsOf(prog, unix.SYS_SETNS)
	if len(calls) != 1 || calls[0][0] != f.Fd() || calls[0][1] != unix.CLONE_NEWUTS {
		t.Errorf("%v, want setns(%d, CLONE_NEWUTS)", calls, f.Fd())
	}
	p.Steps[0].From = "ns:/run/green"
	if _, err := compile(p, held, false, channel); err == nil {
		t.Error("a file that isn't held is joined")
	}
}

// If the plan says that a namespace is new, verify refuses one that was there before.
func TestNewNamespaceIsAnother(t *testing.T) {
	p := ours(t, []string{"/bin/true"}, "true")
	i := 0
	for p.Namespaces[i].Kind != ns.UTS {
		i++
	}
	self := int(open(t, "/proc/self").Fd())
	p.Namespaces[i].New = true
	if err := verify(self, p); err == nil || err.Error() != "verify uts namespace: it is not a new one" {
		t.Errorf("the same: %v", err)
	}
	p.Namespaces[i].ID.Ino++
	if err := verify(self, p); err != nil {
		t.Errorf("another: %v", err)
	}
}

// The process sets the loopback of a new network up itself.
func TestNewNetworkHasALoopback(t *testing.T) {
	for kinds, want := range map[ns.Set]bool{ns.SetOf(ns.Net): true, ns.SetOf(ns.User, ns.Net): true, ns.SetOf(ns.UTS): false} {
		prog, err := compiled(t, &plan.Plan{Steps: []plan.Step{{Op: plan.OpUnshare, Kinds: kinds}}}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := slices.ContainsFunc(prog.code, func(o instruction) bool { return o.do == loopback }); got != want {
			t.Errorf("%s: it is set up: %t", kinds, got)
		}
	}
}

// The process that mounts /proc is visible in the pid namespace: it has closed all other descriptors
// before, and opens none.
func TestProcIsMountedWithoutDescriptors(t *testing.T) {
	p := &plan.Plan{Steps: []plan.Step{
		{Op: plan.OpUnshare, Kinds: ns.SetOf(ns.Mnt, ns.PID)},
		{Op: plan.OpSlave},
		{Op: plan.OpFork},
		{Op: plan.OpProc, At: "/proc/driver", Beneath: []plan.Mount{{Path: "/proc/sys"}, {Path: "/proc/auto", Autofs: true}}},
		{Op: plan.OpSettle},
		{Op: plan.OpFind},
		{Op: plan.OpExec},
	}}
	prog, err := compiled(t, p, nil)
	if err != nil {
		t.Fatal(err)
	}
	fork := slices.IndexFunc(prog.code, func(o instruction) bool { return o.do == forkAgain })
	if fork < 0 || !slices.ContainsFunc(prog.code[:fork], func(o instruction) bool { return o.do == closeRange }) {
		t.Fatalf("nothing is closed before the fork: %v", prog.code)
	}
	var flags []uintptr
	for _, o := range prog.code[fork+1:] {
		switch o.do {
		case call, moveMount:
			if o.call != unix.SYS_MOUNT {
				t.Errorf("it makes the system call %d", o.call)
			}
			flags = append(flags, o.args[3])
		case await, find, execute:
		default:
			t.Errorf("it does %v", o)
		}
	}
	want := []uintptr{unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC, unix.MS_MOVE, unix.MS_MOVE, unix.MS_MOVE}
	if !slices.Equal(flags, want) {
		t.Errorf("it mounts with %#x, want %#x", flags, want)
	}
}
