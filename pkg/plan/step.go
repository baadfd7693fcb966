package plan

import (
	"github.com/nsjoin/docker-nsjoin/pkg/ns"
)

// Step is one operation with its arguments.
type Step struct {
	Op Op `json:"op"`
	// Kinds are those that OpJoin joins, of the process that From names, or that OpUnshare makes.
	Kinds ns.Set `json:"kinds,omitempty"`
	From  string `json:"from,omitempty"`
	PID   int    `json:"pid,omitempty"`
	// At is where OpProc mounts the new /proc and moves Beneath, the mounts beneath the present
	// /proc. Then it moves the new /proc to /proc. OpSys does the same for /sys.
	At      string  `json:"at,omitempty"`
	Beneath []Mount `json:"beneath,omitempty"`
}

// joins returns the steps that join namespaces, one for each process.
//
// The user namespace comes last: the others may belong to the initial one, and the
// rights to join them are lost with it. setns(2) on a pidfd joins several kinds in
// one call, all or none, and checks the rights of each.
func joins(namespaces []Namespace) []Step {
	var steps []Step
	for _, n := range namespaces {
		if !n.Join {
			continue
		}
		i := 0
		for i < len(steps) && (steps[i].PID != n.PID || n.PID == 0) {
			i++
		}
		if i == len(steps) {
			steps = append(steps, Step{Op: OpJoin, From: n.Source, PID: n.PID})
		}
		steps[i].Kinds |= ns.SetOf(n.Kind)
	}
	for i, s := range steps {
		if s.Kinds.Has(ns.User) {
			return append(append(steps[:i:i], steps[i+1:]...), s)
		}
	}
	return steps
}

// steps returns all steps in their order, from the fork of the process that becomes the command to its
// exec. proc says that a new /proc is mounted; beneath are the mounts beneath the present one. naming are the steps
// that mount files about names.
//
// The order is that of runc's libcontainer/setns_init_linux.go, with one difference: the process that
// enters the pid namespace is forked last, with no more rights than the container's. Until then
// the container can't see it, and afterwards tracing it gains nothing (CVE-2016-9962). So it must not have the caller's
// session even for a moment: a tracer could open its terminal. The process before it leaves that first, while no filter of
// a container's can pretend that.
func steps(p *Plan, proc bool, beneath []Mount, naming []Step) []Step {
	who := p.Identity
	forks := forking(p)
	list := onHost(p, forks)
	if who.RootOfUserNamespace {
		// The user namespace may not allow setgroups(2), and the command would keep our groups.
		list = append(list, Step{Op: OpNoGroups})
	}
	list = append(list, joins(p.Namespaces)...)
	if who.RootOfUserNamespace {
		list = append(list, Step{Op: OpRoot})
	}
	if p.Remove != "" {
		list = append(list, Step{Op: OpRemove})
	}
	list = append(list, making(p, naming)...)
	if c := who.Container; c != nil {
		list = append(list,
			Step{Op: OpKeyring}, Step{Op: OpUmask}, Step{Op: OpPersona}, Step{Op: OpBounding},
			Step{Op: OpDir}, Step{Op: OpUser}, Step{Op: OpDirAgain}, Step{Op: OpInside}, Step{Op: OpHide})
		if p.Forward != nil {
			list = append(list, unexecuted(c)...)
		}
		list = append(list, restrictions(c)...)
	} else if who.Dir != "" && !proc {
		list = append(list, Step{Op: OpDir})
	}
	list = append(list, forks...)
	if proc {
		list = append(list, procStep(beneath))
		if who.Dir != "" {
			list = append(list, Step{Op: OpDir}) // the directory may be in the new /proc
		}
	}
	if p.LeadsSession() {
		list = append(list, Step{Op: OpSession})
	}
	if p.Terminal {
		list = append(list, Step{Op: OpTerminal})
	}
	if p.Forward != nil {
		return append(list, Step{Op: OpSettle}, Step{Op: p.Forward.op()})
	}
	return append(list, finish(who.Container)...)
}

// onHost returns the first steps. Most need the host's /proc, an open file of the host's, or rights on the host.
func onHost(p *Plan, forks []Step) []Step {
	var list []Step
	if p.LeadsSession() && len(forks) > 0 {
		list = append(list, Step{Op: OpApart})
	}
	c := p.Identity.Container
	if c == nil {
		return list
	}
	if p.Forward == nil && c.AppArmor+c.SELinux != "" {
		list = append(list, Step{Op: OpLabel})
	}
	list = append(list, Step{Op: OpLimits}, Step{Op: OpSchedule}, Step{Op: OpUndo})
	if len(c.Cgroups) > 0 {
		list = append(list, Step{Op: OpCgroups}) // after the processors: a cpuset limits them
	}
	return list
}

// unexecuted returns the steps that stand in for what execve(2) would do to the process.
func unexecuted(c *ContainerIdentity) []Step {
	if c.AppArmor+c.SELinux == "" {
		return nil
	}
	return []Step{{Op: OpRelabel}}
}

// forking returns the steps of the second fork, and the change to a directory that may exist only after it.
func forking(p *Plan) []Step {
	var list []Step
	container := p.Identity.Container != nil
	if p.leaves(ns.PID) || p.leaves(ns.Time) || container {
		// In a container the fork also gives the command a small table of descriptors: /proc/self/status shows
		// the table's size (FDSize), and the first child has a copy of ours.
		list = append(list, Step{Op: OpFork})
	}
	if container {
		list = append(list, Step{Op: OpDirLast})
	}
	return list
}

// finish returns the last steps, around the helper's check.
func finish(c *ContainerIdentity) []Step {
	list := []Step{{Op: OpSettle}, {Op: OpFind}}
	if c != nil && c.Forbidden != "" {
		list = append(list, Step{Op: OpSeccomp})
	}
	return append(list, Step{Op: OpExec})
}

// making returns the steps that make new namespaces. One call makes all of them. The kernel makes a new user
// namespace first, and the others belong to it. A view shows the mounts that naming has made.
func making(p *Plan, naming []Step) []Step {
	made := p.Made()
	if made == 0 {
		return nil
	}
	list := []Step{{Op: OpUnshare, Kinds: made}}
	if made.Has(ns.User) {
		list = append(list, Step{Op: OpMap})
	}
	switch {
	case p.row(ns.Mnt).Slave:
		list = append(list, Step{Op: OpSlave})
	case made.Has(ns.Mnt):
		list = append(list, Step{Op: OpMounts})
	}
	list = append(list, naming...)
	if p.View != nil {
		list = append(list, Step{Op: OpView}, Step{Op: OpPivot})
		if p.View.NoExec {
			list = append(list, Step{Op: OpNoExec})
		}
	}
	return list
}

// restrictions returns the steps that load the filter and set the capabilities. Without no_new_privs,
// loading a filter requires CAP_SYS_ADMIN, so the filter is loaded first. With no_new_privs it is loaded
// last, so that it has to allow as little as possible.
//
// A filter that forbids a later step is loaded just before the exec. The exec removes the capabilities that
// loading requires, and leaves the command its own.
func restrictions(c *ContainerIdentity) []Step {
	var list []Step
	if c.NoNewPrivileges {
		list = append(list, Step{Op: OpNoNewPriv}, Step{Op: OpCaps})
	}
	switch {
	case c.Forbidden != "" && c.NoNewPrivileges:
		return list
	case c.Forbidden != "":
		return []Step{{Op: OpLoader}}
	}
	if len(c.Filters) > 0 {
		list = append(list, Step{Op: OpSeccomp})
	}
	if !c.NoNewPrivileges {
		list = append(list, Step{Op: OpCaps})
	}
	return list
}
