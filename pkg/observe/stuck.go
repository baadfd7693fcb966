//go:build linux

package observe

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/plan"
	"github.com/nsjoin/docker-nsjoin/pkg/procfs"
)

// openFreezer opens the file that shows whether a group is frozen, by itself or with a group above it: in the
// freezer of cgroup v1, or in cgroup v2 since Linux 5.2. Other hierarchies, and the root of v2, have no such
// file: nil is returned.
func openFreezer(in cgroupDir, g plan.Cgroup) *os.File {
	name := "cgroup.events"
	switch {
	case slices.Contains(strings.Split(g.Hierarchy, ","), "freezer"):
		name = "freezer.state"
	case g.Hierarchy != "":
		return nil
	}
	f, err := in.open(name, unix.O_RDONLY)
	if err != nil {
		return nil
	}
	return f
}

// frozen reports whether a group that the command would be in is frozen.
func (o *Observation) frozen() bool { return slices.ContainsFunc(o.freezers, isFrozen) }

// isFrozen reports whether a group is frozen, by the file that openFreezer opens.
func isFrozen(f *os.File) bool {
	text := make([]byte, 4<<10)
	n, _ := f.ReadAt(text, 0)
	for line := range strings.Lines(string(text[:n])) {
		switch strings.TrimSpace(line) {
		case "frozen 1", "FROZEN", "FREEZING":
			return true
		}
	}
	return false
}

// LeaveFrozen drops the groups that the plan leaves out because they are frozen. Their files in Cgroups become nil.
func (o *Observation) LeaveFrozen(groups []plan.Cgroup) {
	for i, g := range groups {
		if g.Beside {
			o.Cgroups[i].Close()
			o.Cgroups[i] = nil
		}
	}
	o.freezers = slices.DeleteFunc(o.freezers, func(f *os.File) bool {
		left := isFrozen(f)
		if left {
			f.Close()
		}
		return left
	})
}

// Stuck returns what keeps process pid, a child of the helper that joins, from continuing: its cgroup is frozen,
// or cause. If neither is set, the process is slow.
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
		cause = "a process in the container has stopped it"
	case 't':
		cause = fmt.Sprintf("process %d traces it", tracer(pid))
	}
	return false, cause
}

// Asks reports whether a process waits for the server of a file system, in FUSE, NFS, SMB, 9P or autofs, or for a listener
// of fanotify(7) that has to permit what it does.
func Asks(pid int) bool {
	dir, err := procfs.Open(pid)
	if err != nil {
		return false
	}
	defer dir.Close()
	in, err := procfs.ReadFile(dir, "wchan")
	return err == nil && slices.Contains([]string{
		"request_wait_answer", "rpc_wait_bit_killable", "wait_for_response", "p9_client_rpc", "autofs_wait",
		"fanotify_handle_event", "fanotify_get_response",
	}, in)
}
