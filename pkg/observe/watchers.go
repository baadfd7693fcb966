//go:build linux

package observe

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/exit"
	"github.com/nsjoin/docker-nsjoin/pkg/ns"
	"github.com/nsjoin/docker-nsjoin/pkg/plan"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

// readWatchers finds the watchers, the processes that will see the command in the pid namespace that it joins,
// and what the kernel's access checks depend on, if plan.NeedsWatchers asks for it.
func (o *Observation) readWatchers(r *request.Request, mounts *Process, pid pidNamespace) error {
	if pid.file == nil || !plan.NeedsWatchers(r, o.host.Facts(), mounts.Facts(), pid.id) {
		return nil
	}
	err := o.findWatchers(r, pid)
	if errors.Is(err, errChurn) || errors.Is(err, errThreads) {
		return exit.Hint(err, "run it again, or leave pid out (--pid host)")
	}
	return err
}

// findWatchers does what readWatchers does, without the condition.
func (o *Observation) findWatchers(r *request.Request, pid pidNamespace) error {
	if err := o.readOwnCredentials(); err != nil {
		return err
	}
	var err error
	if o.Facts.Users, err = o.userNamespaces(r); err != nil {
		return fmt.Errorf("user namespace of %s: %w", r.Source(ns.User).Quoted(), err)
	}
	w, err := o.newWatcherScan(pid.file, r.Source(ns.PID))
	if err != nil {
		return err
	}
	if err := w.run(); err != nil {
		return fmt.Errorf("find the processes that can see the command: %w", err)
	}
	o.Facts.Watchers, o.Facts.OfRoot = w.found, w.all
	return nil
}

// newWatcherScan prepares a scan for processes that see pid namespace pid, which is taken from source.
func (o *Observation) newWatcherScan(pid *os.File, source request.Source) (*watcherScan, error) {
	w := &watcherScan{users: o.Facts.Users, all: capabilitiesOfRoot(), hosts: []ns.ID{o.host.IDs[ns.PID], o.self.IDs[ns.PID]}}
	var err error
	if w.above, err = o.pidNamespaces(pid); err != nil {
		return nil, err
	}
	root, err := o.host.OpenRoot()
	if err != nil {
		return nil, err
	}
	defer root.Close()
	if w.root, err = idOf(root); err != nil {
		return nil, err
	}
	w.readOnly = isReadOnly(int(root.Fd()))
	if w.remapped, err = o.remapped(); err != nil {
		return nil, err
	}
	if source.Container != nil {
		err = o.addContainer(w, source)
	}
	return w, err
}

// readOwnCredentials reads the helper's uid and gid, and the capabilities that its command keeps.
func (o *Observation) readOwnCredentials() error {
	st, err := o.self.readStatus()
	if err != nil {
		return err
	}
	uid, gid := os.Geteuid(), os.Getegid()
	o.Facts.UID, o.Facts.GID = int64(uid), int64(gid)
	if uid != 0 {
		caps, err := capabilities(st)
		if err != nil {
			return err
		}
		o.Facts.Kept = caps.Ambient
		return nil
	}
	o.Facts.Kept = o.Facts.Capabilities
	return nil
}

// userNamespaces lists the command's user namespace and those above it, up to the helper's.
func (o *Observation) userNamespaces(r *request.Request) ([]plan.UserNamespace, error) {
	var list []plan.UserNamespace
	if r.New(ns.User) {
		list = append(list, plan.UserNamespace{Owner: uint32(os.Geteuid())})
	}
	f, err := o.file(r, ns.User)
	if err != nil || f == nil {
		return nil, err
	}
	for {
		id, err := idOf(f)
		if err != nil {
			return nil, err
		}
		user := plan.UserNamespace{ID: id}
		if id == o.self.IDs[ns.User] {
			return append(list, user), nil
		}
		// The ioctl stores a uid.
		owner, err := unix.IoctlGetUint32(int(f.Fd()), unix.NS_GET_OWNER_UID)
		if err != nil {
			return nil, fmt.Errorf("its owner: %w", err)
		}
		user.Owner = owner
		list = append(list, user)
		fd, err := unix.IoctlRetInt(int(f.Fd()), unix.NS_GET_PARENT)
		if err != nil {
			return nil, fmt.Errorf("its parent: %w", err)
		}
		f = os.NewFile(uintptr(fd), "user namespace")
		defer f.Close()
	}
}

// pidNamespaces lists a pid namespace and those above it, without the host's, whose processes see everything.
func (o *Observation) pidNamespaces(f *os.File) ([]ns.ID, error) {
	var list []ns.ID
	for {
		id, err := idOf(f)
		if err != nil || id == o.host.IDs[ns.PID] || id == o.self.IDs[ns.PID] {
			return list, err
		}
		list = append(list, id)
		fd, err := unix.IoctlRetInt(int(f.Fd()), unix.NS_GET_PARENT)
		if errors.Is(err, unix.EPERM) {
			return list, nil // it is not below the helper's, and the plan refuses it
		}
		if err != nil {
			return nil, fmt.Errorf("parent of a pid namespace: %w", err)
		}
		f = os.NewFile(uintptr(fd), "pid namespace")
		defer f.Close()
	}
}

// addContainer adds the rights that the container was configured with: its processes may have dropped some of
// them temporarily.
func (o *Observation) addContainer(w *watcherScan, source request.Source) error {
	p, err := o.process(source)
	if err != nil {
		return err
	}
	b, err := o.shims[p].readBundle()
	if err != nil {
		return err
	}
	spec, err := b.spec()
	if err != nil {
		return err
	}
	user, err := p.configuredUser(o.shims[p], b)
	if err != nil {
		return err
	}
	w.container, w.mounts = source.Container.ID, p.IDs[ns.Mnt]
	w.configured = plan.Watcher{
		User: user, Capabilities: spec.Capabilities.Bounding | spec.Capabilities.Permitted,
		AnyID: !spec.NoNewPrivileges, NoNewPrivileges: spec.NoNewPrivileges, Filtered: spec.Seccomp,
	}
	w.add(w.configured)
	return nil
}

// configuredUser returns the user namespace in which the runtime started p, the first process of the container with
// bundle b. p may since have made another one, where it has all capabilities, but it cannot leave its pid namespace: if
// the runtime made that, both have the same owner. In a pid namespace of another container's (--pid container:NAME), p
// is in the shim's user namespace unless the bundle has another one. Then the zero ID is returned, since nothing that p
// cannot change identifies it.
func (p *Process) configuredUser(shim *Process, b *bundle) (ns.ID, error) {
	if ofRuntime, path := b.namespace("pid"); ofRuntime && path == "" {
		user, err := owner(p.Namespaces[ns.PID])
		if errors.Is(err, unix.EPERM) {
			return ns.ID{}, nil // above the helper's
		}
		return user, err
	}
	if other, _ := b.namespace("user"); other {
		return ns.ID{}, nil
	}
	return idAt(int(shim.dir.Fd()), "ns/user")
}
