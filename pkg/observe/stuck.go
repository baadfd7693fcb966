//go:build linux

package observe

import (
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/plan"
	"github.com/nsjoin/docker-nsjoin/pkg/procfs"
)

// openFreezer opens the file that tells whether a group is frozen, itself or with one above: of the
// freezer of cgroup v1, or of cgroup v2 since Linux 5.2. Of others, and of v2's root, there is none.
func (o *Observation) openFreezer(of place, g plan.Cgroup) {
	name := "cgroup.events"
	switch {
	case slices.Contains(strings.Split(g.Hierarchy, ","), "freezer"):
		name = "freezer.state"
	case g.Hierarchy != "":
		return
	}
	if f, err := of.open(name, unix.O_RDONLY); err == nil {
		o.freezers = append(o.freezers, f)
	}
}

// frozen tells whether one of the groups that a command would be in is frozen.
func (o *Observation) frozen() bool {
	for _, f := range o.freezers {
		text := make([]byte, 4<<10)
		n, _ := f.ReadAt(text, 0)
		for line := range strings.Lines(string(text[:n])) {
			switch strings.TrimSpace(line) {
			case "frozen 1", "FROZEN", "FREEZING":
				return true
			}
		}
	}
	return false
}

// Stuck says what keeps process pid, a child of ours that joins, from going on: its cgroup is
// frozen, or cause. If it is neither, it is slow.
func (o *Observation) Stuck(pid int) (frozen bool, cause string) {
	if o.frozen() {
		return true, ""
	}
	st, err := procfs.ReadStat(pid)
	if err != nil {
		return false, ""
	}
	switch st.State {
	case 'T':
		cause = "a process of the container has stopped it"
	case 't':
		cause = fmt.Sprintf("process %d traces it", tracer(pid))
	}
	return false, cause
}
