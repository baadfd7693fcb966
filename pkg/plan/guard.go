package plan

import (
	"errors"
	"fmt"

	"github.com/nsjoin/docker-nsjoin/pkg/exit"
	"github.com/nsjoin/docker-nsjoin/pkg/ns"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

// NeedsWatchers reports whether the command, in a pid namespace that is not the host's, may have
// more than the processes that can see it there: another file system or more capabilities. Then
// an Observed needs Watchers, Users, UID, GID and Kept. mnt is the process that the mount namespace
// comes from, and pid the pid namespace that is joined.
func NeedsWatchers(r *request.Request, host, mnt Process, pid ns.ID) bool {
	if pid == host.Namespaces[ns.PID] || r.New(ns.PID) {
		return false // in a new one only the host's processes can see the command
	}
	return r.Privileged || r.Profile.Adds() || mnt.Namespaces[ns.PID] != pid || !NeedsTargetProcess(host, mnt)
}

// guard refuses a command that has more rights than the processes which can see it, if they could
// take it over. It returns warnings.
//
// A command in the container's file system with the container's rights has nothing to gain
// and is not checked: see NeedsWatchers.
func (p *Plan) guard(r *request.Request, o *Observed) ([]string, error) {
	if !NeedsWatchers(r, o.host(), o.source(r, ns.Mnt), p.row(ns.PID).ID) {
		return nil, nil
	}
	where := "pid of " + r.Source(ns.PID).Quoted()
	if len(o.Users) == 0 {
		return nil, fmt.Errorf("%s: %w", where, errors.New("the processes that can see the command were not observed"))
	}
	var list []string
	ofSeen := false
	ofOther := o.source(r, ns.Mnt).Namespaces[ns.PID] != p.row(ns.PID).ID
	for _, w := range o.Watchers {
		risk, more := p.risk(w, o)
		switch {
		case risk == "" || w.Outside != 0 && !more && !ofOther:
		case more && !r.TrustContainer:
			return nil, exit.Hint(fmt.Errorf("%s: %s", where, risk), "%s", p.wayOut(r, o))
		default:
			list = append(list, where+": "+risk)
			ofSeen = ofSeen || w.Outside == 0
		}
	}
	if warning := p.riskOfChildren(o); warning != "" && !ofSeen {
		list = append(list, where+": "+warning)
	}
	return list, nil
}

// risk describes what a watcher can do to the command, "" for nothing, and reports whether the
// watcher would gain rights by it.
func (p *Plan) risk(w Watcher, o *Observed) (risk string, more bool) {
	c := p.Identity.Container
	if c != nil && (w.privileged(o) || w.Outside != 0 && !w.isTracer(o.Users)) {
		return "", false // it has the command's capabilities already
	}
	who, passed := w.who(), ""
	if w.Outside != 0 {
		passed = ", if a process in that pid namespace passes them a descriptor"
	}
	switch w.Reaches(p.child(o)) {
	case Opened:
		switch {
		case c == nil:
			return who + " can open the host's files through the command" + passed, true
		case p.most(o)&^w.Capabilities != 0:
			return who + " can take over the command, which has more capabilities than they have" + passed, true
		case w.NoNewPrivileges && !c.NoNewPrivileges:
			return who + " can take over the command, which lacks the no_new_privs that they have" + passed, true
		case w.Filtered && len(c.Filters) == 0:
			return who + " can take over the command, which lacks the seccomp profile that they have" + passed, true
		}
		return who + " can open the files and the memory of the command" + passed, false
	case Read:
		return who + " can read the environment of the command" + passed, c == nil || p.most(o)&^w.Capabilities != 0
	case Unreached:
	}
	return "", false
}

// most returns the capabilities that a command in a container can get.
func (p *Plan) most(o *Observed) CapSet {
	if c := p.Identity.Container; !c.NoNewPrivileges {
		return c.Capabilities.Bounding
	}
	return p.child(o).Permitted
}

// privileged reports whether a watcher belongs to a container of docker run --privileged: it has all
// capabilities of the machine's root in the helper's user namespace. It can become root on the host, so it gains nothing
// from the command. With no_new_privs its processes may never get them.
func (w Watcher) privileged(o *Observed) bool {
	all := w.Capabilities.All() || o.OfRoot&CapSysAdmin != 0 && o.OfRoot&^w.Capabilities == 0
	return all && !w.NoNewPrivileges && w.User == o.Self.Namespaces[ns.User]
}

// All reports whether a set has all capabilities, or all that an older engine knows.
func (c CapSet) All() bool {
	const known CapSet = 1<<38 - 1 // up to CAP_AUDIT_READ of Linux 3.16
	return c&known == known
}

// child returns the credentials of the command that decide which watchers can open it.
func (p *Plan) child(o *Observed) Child {
	c := Child{UID: o.UID, GID: o.GID, Permitted: o.Kept, Users: o.Users}
	if p.Identity.RootOfUserNamespace || p.Made().Has(ns.User) {
		c.UID, c.GID = -1, -1
		c.Permitted = ^CapSet(0) // a process that enters a user namespace has all
	}
	if id := p.Identity.Container; id != nil {
		c.UID, c.GID = id.HostUID, -1
		c.Permitted = id.Capabilities.Ambient
		if id.UID == 0 {
			c.Permitted = id.Capabilities.Bounding & (id.Capabilities.Permitted | id.Capabilities.Inheritable)
		}
	}
	return c
}

// riskOfChildren returns a warning that watchers may open children which a command in the host's
// file system starts with fewer rights; "" if they cannot.
func (p *Plan) riskOfChildren(o *Observed) string {
	if p.Identity.Container != nil {
		return ""
	}
	child := p.child(o)
	child.UID, child.GID, child.Permitted = -1, -1, 0
	for _, w := range o.Watchers {
		if w.Outside == 0 && w.Reaches(child) != Unreached {
			return "processes there can open a child of the command that drops its rights (sudo -u, apt), and the host's files through it"
		}
	}
	return ""
}

// wayOut returns the hint for a refusal of guard. It names all whom --trust-container trusts.
func (p *Plan) wayOut(r *request.Request, o *Observed) string {
	trust := whose(r.Source(ns.PID).Quoted(), o.Watchers, func(w Watcher) bool {
		_, more := p.risk(w, o)
		return more
	})
	way := "leave pid out (--only net joins only the network)"
	switch {
	case r.Profile.Adds():
		way = "omit --profile"
	case p.Identity.Container != nil:
		way = "leave pid out (--pid host)"
	}
	return way + ", or add --trust-container if you trust the " + trust
}
