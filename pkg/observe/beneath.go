//go:build linux

package observe

import (
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/nsjoin/docker-nsjoin/pkg/exit"
	"github.com/nsjoin/docker-nsjoin/pkg/ns"
	"github.com/nsjoin/docker-nsjoin/pkg/plan"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
	"github.com/nsjoin/docker-nsjoin/pkg/survey"
)

// maxBeneath bounds the mounts at and beneath /proc.
const maxBeneath = 1000

// procMount is a mount at or beneath /proc.
type procMount struct {
	id, parent int
	path, kind string
}

// readBeneath reads what is mounted beneath the host's /proc, where plan.NeedsProcMounts asks for it.
func (o *Observation) readBeneath(r *request.Request, mounts *Process) error {
	var id ns.ID
	pid, err := o.file(r, ns.PID)
	if err == nil && pid != nil {
		id, err = idOf(pid)
	}
	if err != nil || !plan.NeedsProcMounts(r, o.host.Facts(), mounts.Facts(), id) {
		return err
	}
	var list []procMount
	err = o.host.readLines("mountinfo", func(line string) bool {
		if m, ok := parseProcMount(line); ok {
			list = append(list, m)
		}
		return len(list) <= maxBeneath
	})
	if err == nil && len(list) > maxBeneath {
		err = exit.Hint(errors.New("too much is mounted beneath the host's /proc"), "--mnt host leaves that as it is")
	}
	o.Facts.ProcMounts = beneath(list)
	return err
}

// parseProcMount reads a line of a mountinfo, proc_pid_mountinfo(5); false where it is not one
// at or beneath /proc.
func parseProcMount(line string) (m procMount, ok bool) {
	before, after, _ := strings.Cut(line, " - ")
	fields := strings.SplitN(before, " ", 3)
	_, m.path, ok = survey.ParseMount(before)
	if !ok || m.path != "/proc" && !strings.HasPrefix(m.path, "/proc/") {
		return m, false
	}
	var errID, errParent error
	m.id, errID = strconv.Atoi(fields[0])
	m.parent, errParent = strconv.Atoi(fields[1])
	m.kind, _, _ = strings.Cut(after, " ")
	return m, errID == nil && errParent == nil
}

// beneath are the mounts on the uppermost one at /proc, if that is a procfs. What is mounted on
// one of them, in another place, belongs to it.
func beneath(list []procMount) []plan.Mount {
	var found []plan.Mount
	var root procMount
	for _, m := range list {
		if m.path == "/proc" {
			root = uppermost(list, m)
			break
		}
	}
	for _, m := range list {
		if root.kind == "proc" && m.parent == root.id {
			found = append(found, plan.Mount{Path: m.path, Autofs: uppermost(list, m).kind == "autofs"})
		}
	}
	return found
}

// uppermost is the last of the mounts on top of m, each in the same place.
func uppermost(list []procMount, m procMount) procMount {
	for range list {
		i := slices.IndexFunc(list, func(on procMount) bool { return on.parent == m.id && on.path == m.path })
		if i < 0 {
			break
		}
		m = list[i]
	}
	return m
}
