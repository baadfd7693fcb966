package plan

import (
	"errors"
	"fmt"

	"github.com/nsjoin/docker-nsjoin/pkg/exit"
	"github.com/nsjoin/docker-nsjoin/pkg/ns"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

// NeedsWatchers tells whether the command has, in a pid namespace that isn't the host's,
// more than those who see it there may have: another file system, or more capabilities.
// Then an Observed needs Watchers, Users and the like. pid and mnt are the processes that
// give the two; pid is the zero one for a file.
func NeedsWatchers(r *request.Request, host, mnt Process, pid ns.ID) bool {
	if pid == host.Namespaces[ns.PID] || r.New(ns.PID) {
		return false // a new one is beneath the host's: nobody else sees into it
	}
	return r.Privileged || mnt.Namespaces[ns.PID] != pid || !NeedsTargetProcess(host, mnt)
}

// guard refuses a command that could be taken over by those who see it, where it has more
// than they have. What it returns are warnings.
//
// A command on the container's own file system and with its own rights has nothing that
// is not the container's, and isn't looked at: see NeedsWatchers.
func (p *Plan) guard(r *request.Request, o *Observed) ([]string, error) {
	if !NeedsWatchers(r, o.host(), o.source(r, ns.Mnt), p.row(ns.PID).ID) {
		return nil, nil
	}
	where := "pid of " + r.Source(ns.PID).Quoted()
	if len(o.Users) == 0 {
		return nil, fmt.Errorf("%s: %w", where, errors.New("who sees the command there was not observed"))
	}
	var list []string
	for _, w := range o.Watchers {
		risk, more := p.risk(w, o)
		switch {
		case risk == "":
		case more && !r.TrustContainer:
			return nil, exit.Hint(fmt.Errorf("%s: %s", where, risk), "%s", p.wayOut(r))
		default:
			list = append(list, where+": "+risk)
		}
	}
	if warning := p.dropping(o); warning != "" && len(list) == 0 {
		list = append(list, where+": "+warning)
	}
	return list, nil
}

// risk says what a watcher can do to the command, "" for nothing, and whether the command
// has more than it.
func (p *Plan) risk(w Watcher, o *Observed) (risk string, more bool) {
	c := p.Identity.Container
	if c != nil && w.privileged(o) {
		return "", false
	}
	switch w.Reaches(p.child(o)) {
	case Opened:
		switch {
		case c == nil:
			return "processes there can open the host's files through the command", true
		case c.Capabilities.Bounding&^w.Capabilities != 0:
			return "processes there can take over the command, which has more capabilities than they", true
		}
		return "processes there can open the files and the memory of the command", false
	case Read:
		return "processes there can read the environment of the command", c == nil || c.Capabilities.Bounding&^w.Capabilities != 0
	case Unreached:
	}
	return "", false
}

// privileged tells whether a watcher is one of docker run --privileged: it has all capabilities,
// or all that an older engine knows, in the helper's user namespace. It can become the host's root, so
// a command has no more than it.
func (w Watcher) privileged(o *Observed) bool {
	const known CapSet = 1<<38 - 1 // up to CAP_AUDIT_READ of Linux 3.16
	return w.Capabilities&known == known && w.User == o.Self.Namespaces[ns.User]
}

// child is the command as those who see it find it.
func (p *Plan) child(o *Observed) Child {
	c := Child{UID: o.UID, GID: o.GID, Permitted: o.Kept, Users: o.Users}
	if p.Identity.RootOfUserNamespace || p.Made().Has(ns.User) {
		c.UID, c.GID = -1, -1
		c.Permitted = ^CapSet(0) // as any process that enters a user namespace has
	}
	if who := p.Identity.Container; who != nil {
		c.UID, c.GID = who.HostUID, -1
		c.Permitted = who.Capabilities.Ambient
		if who.UID == 0 {
			c.Permitted = who.Capabilities.Bounding & (who.Capabilities.Permitted | who.Capabilities.Inheritable)
		}
	}
	return c
}

// dropping warns of what a command on the host may do itself: what it starts with fewer
// rights is within reach.
func (p *Plan) dropping(o *Observed) string {
	if p.Identity.Container != nil {
		return ""
	}
	child := p.child(o)
	child.UID, child.GID, child.Permitted = -1, -1, 0
	for _, w := range o.Watchers {
		if w.Reaches(child) != Unreached {
			return "processes there can open a child of the command that drops its rights (sudo -u, apt), and the host's files through it"
		}
	}
	return ""
}

// wayOut is the hint of a refusal.
func (p *Plan) wayOut(r *request.Request) string {
	source := r.Source(ns.PID).Quoted()
	if p.Identity.Container != nil {
		return "leave the container's processes out (--pid host), or trust " + source + " with these rights: --trust-container"
	}
	return "leave pid out (--only net takes the network alone), or trust " + source + " with the host: --trust-container"
}
