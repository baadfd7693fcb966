//go:build linux

package observe

import (
	"errors"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/plan"
)

// readWatcher reads the rights and the restrictions of a process, and its permitted capabilities. With no_new_privs it never
// gets more than those.
func (p *Process) readWatcher(dir int) (w plan.Watcher, permitted plan.CapSet, err error) {
	if w.User, err = idAt(dir, "ns/user"); err != nil {
		return w, 0, err
	}
	st, err := p.readStatus()
	if err != nil {
		return w, 0, err
	}
	caps, err := capabilities(st)
	if err != nil {
		return w, 0, err
	}
	if w.UIDs, err = st.IDs("Uid"); err != nil {
		return w, 0, err
	}
	if w.GIDs, err = st.IDs("Gid"); err != nil {
		return w, 0, err
	}
	if len(w.UIDs) == 0 || len(w.GIDs) == 0 {
		return w, 0, errors.New("its status has no uids or gids")
	}
	limited, err := st.Number("NoNewPrivs", 10)
	if err != nil {
		return w, 0, err
	}
	w.NoNewPrivileges = limited != 0
	w.AnyID = !w.NoNewPrivileges
	w.Capabilities = caps.Permitted
	if !w.NoNewPrivileges {
		w.Capabilities |= caps.Bounding
	}
	seccomp, err := st.Number("Seccomp", 10)
	w.Filtered = seccomp != 0
	return w, caps.Permitted, err
}

// addInside adds a process that sees the command, with the restrictions that count for it.
func (w *watcherScan) addInside(p *Process, found plan.Watcher) error {
	if err := w.restrict(p, &found); err != nil {
		return err
	}
	w.add(found)
	return nil
}

// restrict gives a process of the configured container the restrictions of that container: what the process has set itself does
// not restrict the others there. One of another container keeps its own, which it cannot remove. If the container of a process
// is unknown, both count.
func (w *watcherScan) restrict(p *Process, found *plan.Watcher) error {
	c := w.configured
	if w.container == "" || found.NoNewPrivileges == c.NoNewPrivileges && found.Filtered == c.Filtered {
		return nil
	}
	container, err := p.outermostContainer()
	switch {
	case err != nil:
		return err
	case container == w.container:
		found.NoNewPrivileges, found.Filtered = c.NoNewPrivileges, c.Filtered
	case container == "":
		found.NoNewPrivileges, found.Filtered = found.NoNewPrivileges || c.NoNewPrivileges, found.Filtered || c.Filtered
	}
	return nil
}

// outermostContainer returns the full ID of the container that a process is in, or "". What is below it can have any name.
func (p *Process) outermostContainer() (string, error) {
	groups, err := p.readCgroups()
	if err != nil {
		return "", err
	}
	for _, g := range groups {
		if ids := containersInPath(g.Path); len(ids) > 0 {
			return ids[0], nil
		}
	}
	return "", nil
}

// add merges a watcher with the others of its user namespace that have the same restrictions, if that namespace is relevant. A
// watcher with more capabilities than the container is kept separate. So are watchers that have all capabilities only
// together: the plan does not count one that has all.
func (w *watcherScan) add(p plan.Watcher) {
	if !w.relevant(p.User) {
		return
	}
	within := p.Capabilities&^w.configured.Capabilities == 0
	i := slices.IndexFunc(w.found, func(other plan.Watcher) bool {
		sum := other.Capabilities | p.Capabilities
		return other.Outside == 0 && other.User == p.User &&
			other.NoNewPrivileges == p.NoNewPrivileges && other.Filtered == p.Filtered && within == (other.Capabilities&^w.configured.Capabilities == 0) &&
			(!w.hasAll(sum) || w.hasAll(other.Capabilities) && w.hasAll(p.Capabilities))
	})
	if i < 0 {
		w.found = append([]plan.Watcher{p}, w.found...) // in front of those outside, so that messages name it first
		return
	}
	into := &w.found[i]
	into.Capabilities |= p.Capabilities
	addIDs(into, p)
}

// hasAll reports whether a set has all capabilities of the machine's root.
func (w *watcherScan) hasAll(c plan.CapSet) bool { return w.all&^c == 0 }

// addIDs adds the ids of a watcher to those of another.
func addIDs(into *plan.Watcher, p plan.Watcher) {
	into.AnyID = into.AnyID || p.AnyID || len(into.UIDs)+len(into.GIDs) > maxIDs
	if into.AnyID {
		into.UIDs, into.GIDs = nil, nil
		return
	}
	into.UIDs = union(into.UIDs, p.UIDs)
	into.GIDs = union(into.GIDs, p.GIDs)
}

// maxIDs limits how many ids are kept. Watchers with more are taken to have any id.
const maxIDs = 256

func union(a, b []uint32) []uint32 {
	for _, id := range b {
		if !slices.Contains(a, id) {
			a = append(a, id)
		}
	}
	return a
}

// outOfReach reports whether a process in the container has more rights than the container and cannot be reached
// by the container's processes: docker exec --privileged or docker nsjoin has started it with these rights.
func (w *watcherScan) outOfReach(p plan.Watcher, permitted plan.CapSet) bool {
	if p.User != w.configured.User || p.Capabilities&^w.configured.Capabilities == 0 {
		return false
	}
	users := []plan.UserNamespace{{ID: p.User}}
	child := plan.Child{UID: int64(p.UIDs[0]), GID: int64(p.GIDs[0]), Permitted: permitted, Users: users}
	return w.configured.Reaches(child) != plan.Opened
}

// maxOutside limits how many containers outside are told apart, and so named, in each user namespace.
const maxOutside = 4

// addOutside adds a process that does not see the command, but could trace it by a descriptor of a /proc that shows it.
// How that could be passed is not asked: a third container can do it, and chroot(2) hides mounts. Processes with all
// capabilities can become root on the host anyway; a runtime that starts a container has them. All threads may have to be
// read: one alone can have the capability.
func (w *watcherScan) addOutside(p *Process, found plan.Watcher) (readThreads bool, err error) {
	switch {
	case w.hasAll(found.Capabilities) && found.User == w.users[len(w.users)-1].ID:
		return false, nil
	case !found.Traces(w.users):
		return true, nil
	}
	if found.Container, err = p.outermostContainer(); err != nil {
		return true, err
	}
	found.Outside = p.PID
	like := 0
	for i := range w.found {
		other := &w.found[i]
		if other.Outside == 0 || other.User != found.User || (other.Capabilities^found.Capabilities)&(1<<unix.CAP_SYS_PTRACE) != 0 {
			continue
		}
		if like++; other.Container == found.Container || like == maxOutside {
			// Each can trace the command: by SYS_PTRACE, or by an id that it has or can get.
			const anyID = 1<<unix.CAP_SETUID | 1<<unix.CAP_SETGID
			other.AnyID = other.AnyID || (other.Capabilities^found.Capabilities)&anyID != 0
			addIDs(other, found)
			other.Capabilities &= found.Capabilities // what the command must not exceed
			other.NoNewPrivileges, other.Filtered = other.NoNewPrivileges || found.NoNewPrivileges, other.Filtered || found.Filtered
			other.More = other.More || other.Container != found.Container || found.Container == ""
			return false, nil
		}
	}
	w.found = append(w.found, found)
	return false, nil
}
