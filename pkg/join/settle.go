//go:build linux

package join

import (
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/ns"
	"github.com/nsjoin/docker-nsjoin/pkg/plan"
)

// settle does to the waiting process what is done from outside: it verifies
// that it is in every namespace that was planned, and gives it the container's
// cgroups, limits and scheduling, for which the process has no rights any more.
func settle(pid int, p *plan.Plan, cgroups []*os.File) error {
	if err := verify(pid, p); err != nil {
		return err
	}
	who := p.Identity.Container
	if who == nil {
		return nil
	}
	for i, procs := range cgroups {
		if _, err := procs.WriteString(strconv.Itoa(pid)); err != nil {
			return fmt.Errorf("join cgroup %s of %q: %w", who.Cgroups[i], p.Target, err)
		}
	}
	if err := limit(pid, who.Limits); err != nil {
		return err
	}
	if err := schedule(pid, who); err != nil {
		return err
	}
	return oomScore(pid, who.OOMScoreAdj)
}

// verify compares the process's namespaces, all eight, with the plan's.
func verify(pid int, p *plan.Plan) error {
	for _, n := range p.Namespaces {
		if (n.ID == ns.ID{}) {
			continue // a kind that the kernel doesn't have
		}
		var st unix.Stat_t
		if err := unix.Stat(fmt.Sprintf("/proc/%d/ns/%s", pid, n.Kind), &st); err != nil {
			return fmt.Errorf("verify %s namespace: %w", n.Kind, err)
		}
		if (ns.ID{Dev: st.Dev, Ino: st.Ino}) != n.ID {
			return fmt.Errorf("verify %s namespace of %q: it is %s:[%d], not %s",
				n.Kind, n.Source, n.Kind, st.Ino, n.ID.Link(n.Kind))
		}
	}
	return nil
}

// limit sets the limits that are not what they should be: to set the same
// again can take rights that a change downwards doesn't.
func limit(pid int, limits []plan.Limit) error {
	for _, l := range limits {
		var now unix.Rlimit
		if err := unix.Prlimit(pid, int(l.Resource), nil, &now); err != nil {
			return fmt.Errorf("read limit %s: %w", l.Resource, err)
		}
		want := unix.Rlimit{Cur: l.Soft, Max: l.Hard}
		if now == want {
			continue
		}
		if err := unix.Prlimit(pid, int(l.Resource), &want, nil); err != nil {
			return fmt.Errorf("set limit %s: %w", l, err)
		}
	}
	return nil
}

func schedule(pid int, who *plan.ContainerIdentity) error {
	var want unix.CPUSet
	for _, cpu := range who.CPUs {
		want.Set(cpu)
	}
	var now unix.CPUSet
	if err := unix.SchedGetaffinity(pid, &now); err != nil {
		return fmt.Errorf("read cpu affinity: %w", err)
	}
	if now != want {
		if err := unix.SchedSetaffinity(pid, &want); err != nil {
			return fmt.Errorf("set cpu affinity: %w", err)
		}
	}
	if err := unix.Setpriority(unix.PRIO_PROCESS, pid, who.Nice); err != nil {
		return fmt.Errorf("set nice value %d: %w", who.Nice, err)
	}
	return nil
}

// oomScore writes oom_score_adj where it differs: to lower it takes
// CAP_SYS_RESOURCE.
func oomScore(pid, want int) error {
	file := fmt.Sprintf("/proc/%d/oom_score_adj", pid)
	text := strconv.Itoa(want)
	now, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("read oom_score_adj: %w", err)
	}
	if string(now) == text+"\n" {
		return nil
	}
	if err := os.WriteFile(file, []byte(text), 0); err != nil {
		return fmt.Errorf("set oom_score_adj %d: %w", want, err)
	}
	return nil
}
