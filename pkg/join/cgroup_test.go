//go:build linux

package join

import (
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/plan"
)

// cgroupsCompiled compiles the step that joins a group of v1 and one of v2.
func cgroupsCompiled(t *testing.T, into *os.File, moved bool) *program {
	t.Helper()
	p := &plan.Plan{
		Identity: plan.Identity{Container: &plan.ContainerIdentity{
			Cgroups: []plan.Cgroup{{Hierarchy: "pids", Path: "/a"}, {Path: "/a"}},
		}},
		Command: plan.Command{Args: []string{"true"}, Paths: []string{"/bin/true"}},
		Steps:   []plan.Step{{Op: plan.OpCgroups}},
	}
	null := open(t, os.DevNull)
	held := Held{Stdio: [3]*os.File{null, null, null}, Cgroups: []*os.File{open(t, os.DevNull), open(t, os.DevNull)}, Into: into}
	prog, err := compile(p, held, moved, testChannel(t))
	if err != nil {
		t.Fatal(err)
	}
	return prog
}

func writes(prog *program) (does []action) {
	for _, o := range prog.code {
		if o.call == unix.SYS_WRITE {
			does = append(does, o.do)
		}
	}
	return does
}

func TestCgroupsAreJoinedByTheChild(t *testing.T) {
	prog := cgroupsCompiled(t, nil, false)
	if got := writes(prog); len(got) != 2 || got[0] != call || got[1] != call || prog.cloneInto.cgroup != 0 {
		t.Errorf("writes %v, cloned into %d; want two writes", got, prog.cloneInto.cgroup)
	}
}

func TestChildIsClonedIntoACgroupOfV2(t *testing.T) {
	into := open(t, "/")
	prog := cgroupsCompiled(t, into, false)
	if got := writes(prog); len(got) != 2 || got[0] != call || got[1] != unlessInCgroup {
		t.Errorf("writes %v; want the second only if the clone can't", got)
	}
	if want := (cloneArgs{flags: unix.CLONE_INTO_CGROUP, exitSignal: uint64(unix.SIGCHLD), cgroup: uint64(into.Fd())}); prog.cloneInto != want {
		t.Errorf("cloned with %+v, want %+v", prog.cloneInto, want)
	}
}

func TestHelperMovesTheCommandIntoFullCgroups(t *testing.T) {
	prog := cgroupsCompiled(t, open(t, "/"), true)
	if got := writes(prog); got != nil || prog.cloneInto.cgroup != 0 {
		t.Errorf("writes %v, cloned into %d; want nothing", got, prog.cloneInto.cgroup)
	}
}

// If the kernel can't clone into the directory, the child is forked and joins by its writes.
func TestChildThatCantBeClonedIntoACgroupIsForked(t *testing.T) {
	p := ours(t, []string{"/bin/sh"}, "sh", "-c", "exit 7")
	null := open(t, os.DevNull)
	channel := testChannel(t)
	prog, err := compile(p, Held{Stdio: [3]*os.File{null, null, null}}, false, channel)
	if err != nil {
		t.Fatal(err)
	}
	prog.cloneInto = cloneArgs{flags: unix.CLONE_INTO_CGROUP, exitSignal: uint64(unix.SIGCHLD), cgroup: uint64(open(t, "/").Fd())}
	last, err := begin(prog)
	if err != nil {
		t.Fatal(err)
	}
	defer last.reap()
	if prog.inCgroup {
		t.Error("it was cloned into a directory that is no cgroup")
	}
	f := &follower{plan: p, prog: prog, channel: channel, last: last, exe: "/proc/self/exe", onReady: func(int, *os.File) error { return nil }}
	channel.closeChildEnds()
	if err := f.follow(); err != nil {
		t.Fatal(err)
	}
	if got, err := (&Child{process: last}).Wait(); err != nil || got != 7 {
		t.Errorf("status %d, %v", got, err)
	}
}

// testChannel returns a channel that is closed after the test.
func testChannel(t *testing.T) *channel {
	t.Helper()
	channel, err := newChannel()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(channel.close)
	return channel
}
