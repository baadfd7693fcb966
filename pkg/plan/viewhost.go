package plan

import (
	"errors"
	"fmt"

	"github.com/nsjoin/docker-nsjoin/pkg/exit"
	"github.com/nsjoin/docker-nsjoin/pkg/ns"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

// ViewClone is a copy of all mounts of a container, in a view of the host's file system. The command has the caller's
// rights, and the container's root decides what is there. So the flags keep set-user-ID files and devices from having
// an effect, and programs and links too, unless the caller trusts the container. The copy is private: what the
// container mounts later does not appear in it without these flags.
type ViewClone struct {
	Of    string   `json:"of"` // the container
	PID   int      `json:"pid"`
	At    string   `json:"at"`
	Flags []string `json:"flags"` // mount(8)
}

// cloneOf decides how the base of a request is shown in a view of the host's file system.
func cloneOf(r *request.Request, o *Observed) *ViewClone {
	c := &ViewClone{Of: r.Base.String(), PID: o.Base.PID, At: targetDir, Flags: []string{"nosuid", "nodev"}}
	if !r.TrustContainer {
		c.Flags = append(c.Flags, "noexec", "nosymfollow")
	}
	return c
}

// refuseHostView refuses a view of the host's file system to a command that is not in it, and to one that processes of
// the container can see: they could open the root directory of what it starts with fewer rights.
func (p *Plan) refuseHostView(r *request.Request, o *Observed) error {
	host := o.host().Namespaces
	switch {
	case p.foreign(o) || r.Base.From != request.FromContainer || p.row(ns.PID).ID != host[ns.PID] || p.row(ns.User).ID != host[ns.User]:
		return errors.New("a view of the host's file system is for a command in the host's mnt, pid and user namespaces, beside a container's files")
	case !r.TrustContainer && o.Base.Namespaces[ns.PID] == host[ns.PID]:
		return exit.Hint(fmt.Errorf("view of the host: %s has the host's pid namespace, so its processes could open what the command starts with fewer rights", r.Base.Quoted()),
			"add --trust-container if you trust the processes of %s", r.Base)
	}
	return nil
}

// ofHost reports whether a request is for a view of the host's file system.
func ofHost(r *request.Request) bool { return r.View != nil && r.View.Host }
