//go:build linux

package observe

import (
	"errors"
	"fmt"
	"math"
	"os"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/ns"
	"github.com/nsjoin/docker-nsjoin/pkg/plan"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

// readWatchers reads who sees the command in the pid namespace that it joins, and what the
// kernel judges by, where plan.NeedsWatchers asks for it.
func (o *Observation) readWatchers(r *request.Request, mounts *Process) error {
	pid, err := o.file(r, ns.PID)
	if err != nil || pid == nil {
		return err
	}
	id, err := idOf(pid)
	if err != nil || !plan.NeedsWatchers(r, o.host.Facts(), mounts.Facts(), id) {
		return err
	}
	return o.whoWatches(r)
}

// whoWatches is readWatchers where it was asked for.
func (o *Observation) whoWatches(r *request.Request) error {
	pid, err := o.file(r, ns.PID)
	if err != nil || pid == nil {
		return err
	}
	if err := o.readSelfIDs(); err != nil {
		return err
	}
	if o.Facts.Users, err = o.userNamespaces(r); err != nil {
		return fmt.Errorf("user namespace of %s: %w", r.Source(ns.User).Quoted(), err)
	}
	w, err := o.watchersIn(pid, r.Source(ns.PID))
	if err != nil {
		return err
	}
	if err := w.pass(); err != nil {
		return err
	}
	o.Facts.Watchers = w.found
	return nil
}

// watchersIn prepares a pass over /proc for those who see the pid namespace that source gives.
func (o *Observation) watchersIn(pid *os.File, source request.Source) (*watchers, error) {
	w := &watchers{users: o.Facts.Users}
	var err error
	if w.above, err = o.pidNamespaces(pid); err != nil {
		return nil, err
	}
	if w.root, err = rootOf(o.host); err != nil {
		return nil, err
	}
	w.readOnly = cannotWrite(int(o.host.dir.Fd()))
	text, err := o.self.read("uid_map")
	if err != nil {
		return nil, err
	}
	own, err := parseIDMap(text)
	if err != nil {
		return nil, fmt.Errorf("uid_map: %w", err)
	}
	w.remapped = len(own) != 1 || own[0].Count != math.MaxUint32
	if source.Container != nil {
		err = o.readConfigured(w, source)
	}
	return w, err
}

// readSelfIDs reads the helper's own uid and gid, and what its command keeps of its
// capabilities.
func (o *Observation) readSelfIDs() error {
	st, err := o.self.readStatus()
	if err != nil {
		return err
	}
	uid, gid := os.Geteuid(), os.Getegid()
	o.Facts.UID, o.Facts.GID = int64(uid), int64(gid)
	if uid != 0 {
		caps, err := st.capabilities()
		if err != nil {
			return err
		}
		o.Facts.Kept = caps.Ambient
		return nil
	}
	o.Facts.Kept = o.Facts.Capabilities
	return nil
}

// userNamespaces lists the user namespace that the command has, and those above it.
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
		// A uid, which the ioctl stores.
		owner, err := unix.IoctlGetUint32(int(f.Fd()), unix.NS_GET_OWNER_UID)
		if err != nil {
			return nil, fmt.Errorf("its owner: %w", err)
		}
		user.Owner = owner
		list = append(list, user)
		fd, err := unix.IoctlRetInt(int(f.Fd()), unix.NS_GET_PARENT)
		if err != nil {
			return nil, fmt.Errorf("the one above it: %w", err)
		}
		f = os.NewFile(uintptr(fd), "user namespace")
		defer f.Close()
	}
}

// pidNamespaces lists an open pid namespace and those above it, without the host's: who is
// there sees everything.
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
			return list, nil // it isn't beneath ours, and the plan refuses it
		}
		if err != nil {
			return nil, fmt.Errorf("parent of a pid namespace: %w", err)
		}
		f = os.NewFile(uintptr(fd), "pid namespace")
		defer f.Close()
	}
}

// readConfigured counts what a container was made with, which its processes may have given
// up for the moment.
func (o *Observation) readConfigured(w *watchers, source request.Source) error {
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
	w.mounts = p.IDs[ns.Mnt]
	w.configured = plan.Watcher{
		User: p.IDs[ns.User], Capabilities: spec.Capabilities.Bounding | spec.Capabilities.Permitted,
		AnyID: !spec.NoNewPrivileges,
	}
	w.count(w.configured)
	return nil
}
