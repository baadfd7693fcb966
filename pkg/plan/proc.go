package plan

import (
	"slices"
	"strconv"
	"strings"

	"github.com/nsjoin/docker-nsjoin/pkg/ns"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

// Mount is what is mounted beneath /proc.
type Mount struct {
	Path string `json:"path"`
	// Autofs says that it waits to be used: a look at it mounts something else there.
	Autofs bool `json:"autofs,omitempty"`
}

// procDir is where processes are looked for, by ps and all others.
const procDir = "/proc"

// NeedsProcMounts tells whether the command has the host's mounts and another pid namespace than
// the host's, so that the host's /proc is the wrong one. It gets one of its own, in mounts of its
// own, unless the request says whose mounts it has. Then an Observed needs Beneath. mnt is the
// process that gives the mounts, pid the namespace that is joined.
func NeedsProcMounts(r *request.Request, host, mnt Process, pid ns.ID) bool {
	if _, said := r.Overrides[ns.Mnt]; said && !r.New(ns.Mnt) || NeedsTargetProcess(host, mnt) {
		return false
	}
	return r.New(ns.PID) || pid != host.Namespaces[ns.PID]
}

// copyMounts has the command get a copy of the host's mounts where it gets a /proc of its own
// and has not asked for new mounts. What is mounted on the host goes on to appear there.
func copyMounts(rows []Namespace, r *request.Request, o *Observed) {
	p := &Plan{Namespaces: rows}
	if !p.ownProc(r, o) || r.New(ns.Mnt) {
		return
	}
	i := slices.IndexFunc(rows, func(n Namespace) bool { return n.Kind == ns.Mnt })
	rows[i].New, rows[i].Slave = true, true
}

// ownProc tells whether the command gets a /proc of its own. In a container's mounts none is
// mounted: it would lack what the runtime hides of /proc.
func (p *Plan) ownProc(r *request.Request, o *Observed) bool {
	return NeedsProcMounts(r, o.host(), o.source(r, ns.Mnt), p.row(ns.PID).ID) && p.mayMountProc(o)
}

// mayMountProc tells whether the command has the rights over its pid namespace that it takes.
func (p *Plan) mayMountProc(o *Observed) bool {
	pid, user := p.row(ns.PID), p.row(ns.User)
	return pid.New || !user.New && (!user.Join || o.Owners[ns.PID] == user.ID)
}

// procShows is the pid namespace whose processes the /proc of the command's mounts shows: that of
// the process that has these mounts, and of the host where they are the host's.
func (o *Observed) procShows(r *request.Request) ns.ID {
	from := o.source(r, ns.Mnt)
	if !NeedsTargetProcess(o.host(), from) {
		from = o.host()
	}
	return from.Namespaces[ns.PID]
}

// procStep is the step that mounts /proc. What is mounted beneath the present one comes along:
// the new one is mounted on a directory that every /proc has, gets those mounts, and is moved to its
// place. What is mounted on the directory of a process means nothing in another pid namespace.
func procStep(beneath []Mount) Step {
	s := Step{Op: OpProc, At: procDir}
	for _, m := range beneath {
		first, _, _ := strings.Cut(strings.TrimPrefix(m.Path, procDir+"/"), "/")
		if _, err := strconv.Atoi(first); err != nil && first != "self" && first != "thread-self" {
			s.Beneath = append(s.Beneath, m)
		}
	}
	if len(s.Beneath) == 0 {
		return s
	}
	for _, name := range []string{"driver", "tty", "bus", "fs"} {
		dir := procDir + "/" + name
		if !slices.ContainsFunc(s.Beneath, func(m Mount) bool { return m.Path == dir || strings.HasPrefix(m.Path, dir+"/") }) {
			s.At = dir
			break
		}
	}
	return s
}
