//go:build linux

package observe

import (
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/plan"
)

func TestWhatAChildInherits(t *testing.T) {
	own, err := nice(0)
	if err != nil {
		t.Fatal(err)
	}
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &set); err != nil {
		t.Fatal(err)
	}
	cmd := running(t, "nice", "-n", "5", "sh", "-c",
		"umask 027; ulimit -n 37; ulimit -c 0; echo 700 >/proc/$$/oom_score_adj; read ready; echo $ready; read end")
	p := hold(t, cmd.Process.Pid)
	st, err := p.readStatus()
	if err != nil {
		t.Fatal(err)
	}
	got, err := p.readStarter(st)
	if err != nil {
		t.Fatal(err)
	}
	if got.Umask != 0o027 {
		t.Errorf("umask %04o, want 0027", got.Umask)
	}
	if want := min(own+5, 19); got.Nice != want {
		t.Errorf("nice %d, want %d", got.Nice, want)
	}
	if got.OOMScoreAdj != 700 {
		t.Errorf("oom_score_adj %d, want 700", got.OOMScoreAdj)
	}
	if len(got.CPUs) != set.Count() || slices.ContainsFunc(got.CPUs, func(cpu int) bool { return !set.IsSet(cpu) }) {
		t.Errorf("processors %v, which are not the %d of ours", got.CPUs, set.Count())
	}
	if len(got.Limits) != len(plan.Resources()) {
		t.Errorf("%d limits, want %d", len(got.Limits), len(plan.Resources()))
	}
	for _, want := range []string{"nofile=37:37", "core=0:0"} {
		if !slices.ContainsFunc(got.Limits, func(l plan.Limit) bool { return l.String() == want }) {
			t.Errorf("limits %v, without %s", got.Limits, want)
		}
	}
}
