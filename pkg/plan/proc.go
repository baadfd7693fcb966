package plan

import (
	"slices"
	"strconv"
	"strings"

	"github.com/nsjoin/docker-nsjoin/pkg/ns"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

// Mount is a mount under /proc.
type Mount struct {
	Path string `json:"path"`
	// Autofs means that it is an automount point, which accessing it would trigger.
	Autofs bool `json:"autofs,omitempty"`
}

// procDir is where ps and other programs look for processes.
const procDir = "/proc"

// NeedsProcMounts reports whether the command gets the host's mounts but another pid namespace, so
// that the host's /proc would show the wrong processes. Unless the request overrides mnt, the command
// then gets its own /proc in a copy of the host's mounts, for which an Observed needs ProcMounts. mnt
// is the process that the mount namespace comes from, and pid the pid namespace that is joined.
func NeedsProcMounts(r *request.Request, host, mnt Process, pid ns.ID) bool {
	if _, given := r.Overrides[ns.Mnt]; given && !r.New(ns.Mnt) || NeedsTargetProcess(host, mnt) {
		return false
	}
	return r.New(ns.PID) || pid != host.Namespaces[ns.PID]
}

// copyMounts gives a command that gets its own /proc, other names or a view of the host a copy of the mounts, unless it
// gets new mounts anyway. Later mounts in the original propagate to the copy.
func copyMounts(rows []Namespace, r *request.Request, o *Observed) {
	p := &Plan{Namespaces: rows}
	i := slices.IndexFunc(rows, func(n Namespace) bool { return n.Kind == ns.Mnt })
	if ofHost(r) || !rows[i].New && (r.Names != nil || p.ownProc(r, o)) {
		rows[i].New, rows[i].Slave = true, true
	}
}

// ownProc reports whether the command gets its own /proc. Never in a container's mounts: it would
// show files that the runtime masks there.
func (p *Plan) ownProc(r *request.Request, o *Observed) bool {
	return NeedsProcMounts(r, o.host(), o.source(r, ns.Mnt), p.row(ns.PID).ID) && p.mayMountProc(o)
}

// mayMountProc reports whether the command has the rights over its pid namespace to mount its /proc.
func (p *Plan) mayMountProc(o *Observed) bool {
	pid, user := p.row(ns.PID), p.row(ns.User)
	return pid.New || !user.New && (!user.Join || o.Owners[ns.PID] == user.ID)
}

// procShows returns the pid namespace that /proc shows in the command's mounts: that of the
// process that the mounts come from, or the host's for the host's mounts.
func (o *Observed) procShows(r *request.Request) ns.ID {
	from := o.source(r, ns.Mnt)
	if !NeedsTargetProcess(o.host(), from) {
		from = o.host()
	}
	return from.Namespaces[ns.PID]
}

// procStep returns the step that mounts /proc and keeps the mounts under the present one: the new
// /proc is mounted on a directory that every /proc has, gets those mounts, and is moved to /proc.
// Mounts on the directory of a process are dropped: that process is not in the new pid namespace.
func procStep(mounts []Mount) Step {
	s := Step{Op: OpProc}
	for _, m := range mounts {
		first, _, _ := strings.Cut(strings.TrimPrefix(m.Path, procDir+"/"), "/")
		if _, err := strconv.Atoi(first); err != nil && first != "self" && first != "thread-self" {
			s.Beneath = append(s.Beneath, m)
		}
	}
	s.At = assembleAt(procDir, s.Beneath, "driver", "tty", "bus", "fs")
	return s
}

// assembleAt returns where a file system that replaces the one at root gets the mounts beneath root before it is
// moved there: a directory that it always has, and that has no mounts. Without such mounts that is root itself.
func assembleAt(root string, beneath []Mount, directories ...string) string {
	if len(beneath) == 0 {
		return root
	}
	for _, name := range directories {
		dir := root + "/" + name
		if !slices.ContainsFunc(beneath, func(m Mount) bool { return m.Path == dir || strings.HasPrefix(m.Path, dir+"/") }) {
			return dir
		}
	}
	return root
}
