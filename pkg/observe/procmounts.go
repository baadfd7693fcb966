//go:build linux

package observe

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/nsjoin/docker-nsjoin/pkg/exit"
	"github.com/nsjoin/docker-nsjoin/pkg/plan"
	"github.com/nsjoin/docker-nsjoin/pkg/procfs"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
	"github.com/nsjoin/docker-nsjoin/pkg/survey"
)

// maxHostMounts limits the mounts at and below /proc or /sys.
const maxHostMounts = 1000

// hostMount is a mount at or below /proc or /sys.
type hostMount struct {
	id, parent int
	path, kind string
}

// readProcMounts reads the mounts on the host's /proc if the plan mounts another one, see plan.NeedsProcMounts.
func (o *Observation) readProcMounts(r *request.Request, mounts *Process, pid pidNamespace) error {
	if !plan.NeedsProcMounts(r, o.host.Facts(), mounts.Facts(), pid.id) {
		return nil
	}
	list, err := o.hostMounts("/proc")
	if err == nil && len(list) > maxHostMounts {
		err = exit.Hint(fmt.Errorf("more than %d mounts on the host's /proc", maxHostMounts), "--mnt host keeps the host's /proc as it is")
	}
	_, o.Facts.ProcMounts = mountsOn("/proc", "proc", list)
	return err
}

// hostMounts returns the host's mounts at or below root, and not many more than maxHostMounts.
func (o *Observation) hostMounts(root string) ([]hostMount, error) {
	var list []hostMount
	err := procfs.ReadLinesWith(o.host.dir, "mountinfo", " "+root, func(line string) bool {
		if m, ok := parseMount(line, root); ok {
			list = append(list, m)
		}
		return len(list) <= maxHostMounts
	})
	return list, err
}

// parseMount parses a line of mountinfo, proc_pid_mountinfo(5). ok is false if the mount is not at or below root.
func parseMount(line, root string) (m hostMount, ok bool) {
	before, after, _ := strings.Cut(line, " - ")
	fields := strings.SplitN(before, " ", 3)
	_, m.path, ok = survey.ParseMount(before)
	if !ok || m.path != root && !strings.HasPrefix(m.path, root+"/") {
		return m, false
	}
	var errID, errParent error
	m.id, errID = strconv.Atoi(fields[0])
	m.parent, errParent = strconv.Atoi(fields[1])
	m.kind, _, _ = strings.Cut(after, " ")
	return m, errID == nil && errParent == nil
}

// mountsOn returns the mounts on the topmost mount at a path, if that is a file system of the given kind. A mount on
// one of these, at a path below it, belongs to that one.
func mountsOn(path, kind string, list []hostMount) (ok bool, found []plan.Mount) {
	var root hostMount
	for _, m := range list {
		if m.path == path {
			root = topmost(list, m)
			break
		}
	}
	if root.kind != kind {
		return false, nil
	}
	for _, m := range list {
		if m.parent == root.id {
			found = append(found, plan.Mount{Path: m.path, Autofs: topmost(list, m).kind == "autofs"})
		}
	}
	return true, found
}

// topmost returns the topmost mount of the stack on m, all at the same path.
func topmost(list []hostMount, m hostMount) hostMount {
	for range list {
		i := slices.IndexFunc(list, func(on hostMount) bool { return on.parent == m.id && on.path == m.path })
		if i < 0 {
			break
		}
		m = list[i]
	}
	return m
}
