//go:build linux

package observe

import (
	"errors"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/ns"
	"github.com/nsjoin/docker-nsjoin/pkg/plan"
	"github.com/nsjoin/docker-nsjoin/pkg/procfs"
)

// watchers are found by a pass over /proc.
type watchers struct {
	above []ns.ID              // the pid namespaces that see the command
	users []plan.UserNamespace // the user namespaces that matter
	root  ns.ID                // the host's root directory
	// configured is the container that gives the pid namespace, and mounts its mount
	// namespace; nothing where no container does.
	configured plan.Watcher
	mounts     ns.ID
	// remapped says that not every user of the machine has a number in the helper's user
	// namespace, as for a rootless engine's.
	remapped bool
	found    []plan.Watcher
}

func rootOf(p *Process) (ns.ID, error) {
	f, err := p.OpenRoot()
	if err != nil {
		return ns.ID{}, err
	}
	defer f.Close()
	return idOf(f)
}

// nodeAt is what a link of the process leads to whose directory in /proc is open as dir.
func nodeAt(dir int, name string) (ns.ID, error) {
	var st unix.Stat_t
	err := unix.Fstatat(dir, name, &st, 0)
	return ns.ID{Dev: st.Dev, Ino: st.Ino}, err
}

// look counts a process that sees the command. One that has the host's root directory has
// the host's files already: mostly it is another command of docker nsjoin.
func (w *watchers) look(pid int) error {
	p, err := lookInto(pid)
	if err != nil {
		return err
	}
	defer p.dir.Close()
	dir := int(p.dir.Fd())
	namespace, err := nodeAt(dir, "ns/pid")
	if errors.Is(err, unix.EACCES) && (p.beneathNone() || w.remapped && p.unmapped()) {
		return nil
	}
	if err != nil || !slices.Contains(w.above, namespace) {
		return err
	}
	if root, err := nodeAt(dir, "root"); err != nil || root == w.root {
		return err
	}
	found, permitted, err := p.watcher(dir)
	if err != nil {
		return err
	}
	mounts, err := nodeAt(dir, "ns/mnt")
	if err != nil {
		return err
	}
	if mounts == w.mounts && w.beyond(found, permitted) {
		return nil
	}
	w.count(found)
	return nil
}

// beyond tells whether a process in the container has more than the container and is out
// of its reach: it was started so by docker exec --privileged, or by docker nsjoin.
func (w *watchers) beyond(p plan.Watcher, permitted plan.CapSet) bool {
	if p.User != w.configured.User || p.Capabilities&^w.configured.Capabilities == 0 {
		return false
	}
	users := []plan.UserNamespace{{ID: p.User}}
	child := plan.Child{UID: int64(p.UIDs[0]), GID: int64(p.GIDs[0]), Permitted: permitted, Users: users}
	return w.configured.Reaches(child) != plan.Opened
}

// beneathNone tells whether a process is in our own pid namespace, which it has only one
// number in. Everybody may read that.
func (p *Process) beneathNone() bool {
	st, err := p.readStatus()
	numbers, errNumbers := st.ids("NSpid")
	return err == nil && errNumbers == nil && len(numbers) == 1
}

// unmapped tells whether a process's users have no number in our user namespace: it is of
// another one, not of ours or of one beneath.
func (p *Process) unmapped() bool {
	overflow := procfs.OverflowUID()
	st, err := p.readStatus()
	numbers, errNumbers := st.ids("Uid")
	return err == nil && errNumbers == nil && len(numbers) > 0 &&
		!slices.ContainsFunc(numbers, func(uid uint32) bool { return uid != overflow })
}

// watcher reads what a process has, and its permitted capabilities.
func (p *Process) watcher(dir int) (w plan.Watcher, permitted plan.CapSet, err error) {
	if w.User, err = nodeAt(dir, "ns/user"); err != nil {
		return w, 0, err
	}
	st, err := p.readStatus()
	if err != nil {
		return w, 0, err
	}
	caps, err := st.capabilities()
	if err != nil {
		return w, 0, err
	}
	if w.UIDs, err = st.ids("Uid"); err != nil {
		return w, 0, err
	}
	if w.GIDs, err = st.ids("Gid"); err != nil {
		return w, 0, err
	}
	if len(w.UIDs) == 0 || len(w.GIDs) == 0 {
		return w, 0, errors.New("its status has no ids")
	}
	limited, err := st.number("NoNewPrivs", 10)
	w.AnyID = limited == 0
	w.Capabilities = caps.Bounding | caps.Permitted
	return w, caps.Permitted, err
}

// count adds a watcher to the others of its user namespace, if that matters. One with
// other capabilities than the container's is kept apart from it.
func (w *watchers) count(p plan.Watcher) {
	if !slices.ContainsFunc(w.users, func(u plan.UserNamespace) bool { return u.ID == p.User }) {
		return
	}
	within := p.Capabilities&^w.configured.Capabilities == 0
	i := slices.IndexFunc(w.found, func(other plan.Watcher) bool {
		return other.User == p.User && within == (other.Capabilities&^w.configured.Capabilities == 0)
	})
	if i < 0 {
		w.found = append(w.found, p)
		return
	}
	into := &w.found[i]
	into.Capabilities |= p.Capabilities
	into.AnyID = into.AnyID || p.AnyID || len(into.UIDs)+len(into.GIDs) > maxIDs
	if into.AnyID {
		into.UIDs, into.GIDs = nil, nil
		return
	}
	into.UIDs = union(into.UIDs, p.UIDs)
	into.GIDs = union(into.GIDs, p.GIDs)
}

// maxIDs bounds what is remembered of ids. Processes with more are taken to have all.
const maxIDs = 256

func union(a, b []uint32) []uint32 {
	for _, id := range b {
		if !slices.Contains(a, id) {
			a = append(a, id)
		}
	}
	return a
}
