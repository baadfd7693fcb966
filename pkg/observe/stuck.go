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

// openFreezer opens the file that shows whether a group is frozen, by itself or with a group above it: in the
// freezer of cgroup v1, or in cgroup v2 since Linux 5.2. Other hierarchies, and the root of v2, have no such
// file.
func (o *Observation) openFreezer(in cgroupDir, g plan.Cgroup) {
	name := "cgroup.events"
	switch {
	case slices.Contains(strings.Split(g.Hierarchy, ","), "freezer"):
		name = "freezer.state"
	case g.Hierarchy != "":
		return
	}
	if f, err := in.open(name, unix.O_RDONLY); err == nil {
		o.freezers = append(o.freezers, f)
	}
}

// frozen tells whether a group that the command would be in is frozen.
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

// Stuck tells what keeps process pid, a child of the helper that joins, from continuing: its cgroup is frozen,
// or cause. Without either it is slow.
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
