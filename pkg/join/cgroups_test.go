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
	prog, err := compile(p, held, moved, talking(t))
	if err != nil {
		t.Fatal(err)
	}
	return prog
}

func writes(prog *program) (does []action) {
	for _, o := range prog.ops {
		if o.call == unix.SYS_WRITE {
			does = append(does, o.do)
		}
	}
	return does
}

func TestCgroupsAreJoinedByTheChild(t *testing.T) {
	prog := cgroupsCompiled(t, nil, false)
	if got := writes(prog); len(got) != 2 || got[0] != call || got[1] != call || prog.birth.cgroup != 0 {
		t.Errorf("writes %v, born into %d; want two writes", got, prog.birth.cgroup)
	}
}

func TestChildIsBornIntoACgroupOfV2(t *testing.T) {
	into := open(t, "/")
	prog := cgroupsCompiled(t, into, false)
	if got := writes(prog); len(got) != 2 || got[0] != call || got[1] != unlessBorn {
		t.Errorf("writes %v; want the second only where the kernel can't", got)
	}
	if want := (cloneArgs{flags: unix.CLONE_INTO_CGROUP, exitSignal: uint64(unix.SIGCHLD), cgroup: uint64(into.Fd())}); prog.birth != want {
		t.Errorf("born as %+v, want %+v", prog.birth, want)
	}
}

func TestHelperMovesTheCommandIntoCrowdedCgroups(t *testing.T) {
	prog := cgroupsCompiled(t, open(t, "/"), true)
	if got := writes(prog); got != nil || prog.birth.cgroup != 0 {
		t.Errorf("writes %v, born into %d; want nothing", got, prog.birth.cgroup)
	}
}

// A directory that is no cgroup's, as a kernel that can't: the child is forked as
// ever, and then what it writes decides.
func TestChildThatCantBeBornThereIsForked(t *testing.T) {
	p := ours(t, []string{"/bin/sh"}, "sh", "-c", "exit 7")
	null := open(t, os.DevNull)
	talk := talking(t)
	prog, err := compile(p, Held{Stdio: [3]*os.File{null, null, null}}, false, talk)
	if err != nil {
		t.Fatal(err)
	}
	prog.birth = cloneArgs{flags: unix.CLONE_INTO_CGROUP, exitSignal: uint64(unix.SIGCHLD), cgroup: uint64(open(t, "/").Fd())}
	last, err := begin(prog)
	if err != nil {
		t.Fatal(err)
	}
	defer last.reap()
	if prog.born {
		t.Error("it was born into a directory that is no cgroup")
	}
	f := &follower{plan: p, prog: prog, talk: talk, last: last, exe: "/proc/self/exe", onReady: func(int, *os.File) error { return nil }}
	talk.closeTheirs()
	if err := f.follow(); err != nil {
		t.Fatal(err)
	}
	if got, err := (&Child{process: last}).Wait(); err != nil || got != 7 {
		t.Errorf("status %d, %v", got, err)
	}
}

// talking is what a helper and its children speak by, until the test ends.
func talking(t *testing.T) *talk {
	t.Helper()
	talk, err := newTalk()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(talk.close)
	return talk
}
