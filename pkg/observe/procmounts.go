//go:build linux

package observe

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/nsjoin/docker-nsjoin/pkg/exit"
	"github.com/nsjoin/docker-nsjoin/pkg/plan"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
	"github.com/nsjoin/docker-nsjoin/pkg/survey"
)

// maxProcMounts limits the mounts at and below /proc.
const maxProcMounts = 1000

// procMount is a mount at or below /proc.
type procMount struct {
	id, parent int
	path, kind string
}

// readProcMounts reads the mounts on the host's /proc if the plan mounts another one, see plan.NeedsProcMounts.
func (o *Observation) readProcMounts(r *request.Request, mounts *Process, pid pidNamespace) error {
	if !plan.NeedsProcMounts(r, o.host.Facts(), mounts.Facts(), pid.id) {
		return nil
	}
	var list []procMount
	err := o.host.readLines("mountinfo", func(line string) bool {
		if m, ok := parseProcMount(line); ok {
			list = append(list, m)
		}
		return len(list) <= maxProcMounts
	})
	if err == nil && len(list) > maxProcMounts {
		err = exit.Hint(fmt.Errorf("more than %d mounts on the host's /proc", maxProcMounts), "--mnt host keeps the host's /proc as it is")
	}
	o.Facts.ProcMounts = mountsOnProc(list)
	return err
}

// parseProcMount parses a line of mountinfo, proc_pid_mountinfo(5). ok is false if the mount is not at or below
// /proc.
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

// mountsOnProc are the mounts on the topmost mount at /proc, if that is a procfs. A mount on one of these, at a
// path below it, belongs to that one.
func mountsOnProc(list []procMount) []plan.Mount {
	var found []plan.Mount
	var root procMount
	for _, m := range list {
		if m.path == "/proc" {
			root = topmost(list, m)
			break
		}
	}
	for _, m := range list {
		if root.kind == "proc" && m.parent == root.id {
			found = append(found, plan.Mount{Path: m.path, Autofs: topmost(list, m).kind == "autofs"})
		}
	}
	return found
}

// topmost is the topmost mount of the stack on m, all at the same path.
func topmost(list []procMount, m procMount) procMount {
	for range list {
		i := slices.IndexFunc(list, func(on procMount) bool { return on.parent == m.id && on.path == m.path })
		if i < 0 {
			break
		}
		m = list[i]
	}
	return m
}
