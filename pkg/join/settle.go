//go:build linux

package join

import (
	"fmt"
	"io"
	"os"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/ns"
	"github.com/nsjoin/docker-nsjoin/pkg/plan"
)

// settle does to the waiting process what is done from outside: it verifies
// that it is in every namespace that was planned, and puts it into the
// container's cgroups, for which it has no rights any more.
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

// oomScore writes oom_score_adj where it differs: to lower it takes
// CAP_SYS_RESOURCE.
func oomScore(pid, want int) error {
	f, err := os.OpenFile(fmt.Sprintf("/proc/%d/oom_score_adj", pid), os.O_RDWR, 0)
	if err != nil {
		return fmt.Errorf("set oom_score_adj: %w", err)
	}
	defer f.Close()
	now, err := io.ReadAll(f)
	if err != nil {
		return fmt.Errorf("read oom_score_adj: %w", err)
	}
	text := strconv.Itoa(want)
	if string(now) == text+"\n" {
		return nil
	}
	if _, err := f.WriteString(text); err != nil {
		return fmt.Errorf("set oom_score_adj %d: %w", want, err)
	}
	return nil
}
