//go:build linux

package observe

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/ns"
	"github.com/nsjoin/docker-nsjoin/pkg/plan"
	"github.com/nsjoin/docker-nsjoin/pkg/procfs"
)

// watcherScan scans /proc for watchers: processes that see the command in a pid namespace.
type watcherScan struct {
	above []ns.ID              // the pid namespaces whose processes see the command
	users []plan.UserNamespace // the command's user namespace and those above it
	root  ns.ID                // the host's root directory
	// readOnly says that the host has its root directory mounted read-only.
	readOnly bool
	// configured is the container that the pid namespace is taken from, with its configured rights, and mounts
	// its mount namespace. Both are zero if it is not taken from a container.
	configured plan.Watcher
	mounts     ns.ID
	// remapped says that some users of the machine have no number in the helper's user namespace, as with a
	// rootless engine.
	remapped bool
	hosts    []ns.ID // pid namespaces whose processes see everything, or are the helper's
	// source is the process that the pid namespace is taken from, with its mounts; nil if it is taken from a file.
	source  *Process
	shared  []procfs.Mount
	threads int          // number of threads that were read
	ended   map[int]bool // processes and threads that had ended when they were read
	found   []plan.Watcher
}

// rootID identifies the root directory of p.
func rootID(p *Process) (ns.ID, error) {
	f, err := p.OpenRoot()
	if err != nil {
		return ns.ID{}, err
	}
	defer f.Close()
	return idOf(f)
}

// idAt identifies the file that a link in an open /proc/PID leads to.
func idAt(dir int, name string) (ns.ID, error) {
	var st unix.Stat_t
	err := unix.Fstatat(dir, name, &st, 0)
	return ns.ID{Dev: st.Dev, Ino: st.Ino}, err
}

// Limits of a scan: how often new entries of a directory are read, and how many threads the processes that see
// the command may have.
const (
	maxRounds  = 100
	maxThreads = 20000
)

var (
	errChurn   = errors.New("processes start and end too fast")
	errThreads = fmt.Errorf("more than %d threads can see it", maxThreads)
)

// run reads all processes. One that ended before it was read may have left a child that was not listed, so run
// lists /proc again until each listed process was read. If a container's processes fork and end so fast that this
// does not succeed, the request is refused.
func (w *watcherScan) run() error {
	looked := make(map[int]bool)
	w.ended = make(map[int]bool)
	for range maxRounds {
		missed, err := scanOnce("/proc", "process", looked, w.scanProcess)
		if err != nil || !missed {
			return err
		}
	}
	return errChurn
}

// scanOnce calls look with each number in a directory of /proc that is not in looked. missed reports whether some
// of these had ended. what says in errors what the numbers are: processes or threads.
func scanOnce(dir, what string, looked map[int]bool, look func(number int) error) (missed bool, err error) {
	listed := procfs.EachNumber(dir, func(number int) bool {
		if looked[number] {
			return true
		}
		switch e := look(number); {
		case e == nil:
			looked[number] = true
		case errors.Is(e, unix.ENOENT), errors.Is(e, unix.ESRCH):
			missed = true
		case errors.Is(e, errThreads):
			err = e
		default:
			err = fmt.Errorf("%s %d: %w", what, number, e)
		}
		return err == nil
	})
	return missed, errors.Join(listed, err)
}

// scanProcess adds a process that sees the command, with each of its threads: each thread has its own
// capabilities, and the main thread may have ended.
func (w *watcherScan) scanProcess(pid int) error {
	p, err := openProcDir(pid)
	if err != nil {
		return err
	}
	defer p.dir.Close()
	sees, err := w.scan(p)
	if err != nil && !errors.Is(err, unix.ENOENT) || err == nil && !sees {
		return err
	}
	st, errStat := procfs.ReadStatAt(int(p.dir.Fd()))
	switch {
	case errStat != nil:
		return errStat
	case (st.MainEnded() || err != nil && st.Exiting) && st.Threads <= 1:
		return w.endedBefore(pid)
	case err != nil && !st.MainEnded() && !st.Exiting:
		return err
	case st.Threads <= 1:
		return nil
	}
	looked := make(map[int]bool)
	missed, err := scanOnce(fmt.Sprintf("/proc/%d/task", pid), "thread", looked, func(tid int) error { return w.scanThread(pid, tid) })
	if err == nil && missed {
		err = unix.ESRCH
	}
	return err
}

func (w *watcherScan) scanThread(pid, tid int) error {
	if w.threads > maxThreads {
		return errThreads
	}
	dir, err := procfs.OpenDir(fmt.Sprintf("/proc/%d/task/%d", pid, tid))
	if err != nil {
		return err
	}
	defer dir.Close()
	if _, err = w.scan(&Process{PID: pid, thread: tid, dir: dir}); errors.Is(err, unix.ENOENT) {
		if st, e := procfs.ReadStatAt(int(dir.Fd())); e == nil && (st.MainEnded() || st.Exiting) {
			return w.endedBefore(tid)
		}
	}
	return err
}

// endedBefore returns nil for a process or thread that was already found to have ended, or to have released its
// namespaces in exit(2), in an earlier round: its children were then listed in this round.
func (w *watcherScan) endedBefore(number int) error {
	if w.ended[number] {
		return nil
	}
	w.ended[number] = true
	return unix.ESRCH
}

// scan adds a thread that sees the command. A process with the host's root directory is left out, since it
// already has the host's files: usually it is another command of docker nsjoin. It is not left out if it has that
// directory read-only, as a container can have it.
func (w *watcherScan) scan(p *Process) (sees bool, err error) {
	dir := int(p.dir.Fd())
	namespace, err := idAt(dir, "ns/pid")
	if errors.Is(err, unix.EACCES) && (p.inOwnPIDNamespace() || w.remapped && p.onlyUnmappedUIDs()) {
		return false, nil
	}
	if err != nil || len(w.above) == 0 || slices.Contains(w.hosts, namespace) {
		return false, err
	}
	sees = slices.Contains(w.above, namespace)
	if !sees {
		if user, err := idAt(dir, "ns/user"); err != nil || !w.relevant(user) {
			return false, err
		}
	}
	if root, err := idAt(dir, "root"); err != nil || root == w.root && (w.readOnly || !readOnlyRoot(dir)) {
		return false, err
	}
	found, permitted, err := p.readWatcher(dir)
	if err != nil {
		return true, err
	}
	if !sees {
		return w.addOutside(p, found)
	}
	if p.thread != 0 {
		w.threads++
	}
	mounts, err := idAt(dir, "ns/mnt")
	if err != nil {
		return true, err
	}
	if mounts != w.mounts || !w.outOfReach(found, permitted) {
		w.add(found)
	}
	return true, nil
}

// addOutside adds a process that does not see the command, but could open it by a descriptor of a /proc that shows it.
// Privileged ones can become root on the host anyway. All threads may have to be read: one alone can have the capability.
func (w *watcherScan) addOutside(p *Process, found plan.Watcher) (readThreads bool, err error) {
	switch {
	case found.Capabilities.All() && found.User == w.users[len(w.users)-1].ID:
		return false, nil
	case found.Capabilities&(1<<unix.CAP_SYS_PTRACE) == 0:
		return true, nil
	}
	found.Outside, found.Channel = p.PID, w.shares(p)
	groups, err := p.readCgroups()
	if err != nil {
		return true, err
	}
	for _, g := range groups {
		found.Container = cmp.Or(found.Container, containerInPath(g.Path))
	}
	for i := range w.found {
		if other := &w.found[i]; other.Outside != 0 && other.User == found.User && other.Channel == found.Channel {
			other.Capabilities &= found.Capabilities // what the command must not exceed
			return false, nil
		}
	}
	w.found = append(w.found, found)
	return false, nil
}

// shares reports whether a process shares a network or files with the process that the pid namespace is taken from.
// Then one can pass the other a descriptor, by a UNIX socket. If it cannot be read, it counts as shared.
func (w *watcherScan) shares(p *Process) bool {
	if w.source == nil {
		return true
	}
	network, err := idAt(int(p.dir.Fd()), "ns/net")
	if err != nil || network == w.source.IDs[ns.Net] {
		return true
	}
	mounts, err := p.Mounts()
	return err != nil || slices.ContainsFunc(mounts, func(m procfs.Mount) bool {
		return slices.ContainsFunc(w.shared, func(of procfs.Mount) bool {
			if !showSameFiles(m, of) {
				return false
			}
			if isIn(m.Root, of.Root) {
				return !p.showsFile(m)
			}
			return !w.source.showsFile(of)
		})
	})
}

// showsFile reports whether a mount of p's shows nothing but one file, such as /etc/localtime, that is no socket. p may
// have moved it, so the mount's number is compared.
func (p *Process) showsFile(m procfs.Mount) bool {
	var st unix.Statx_t
	err := Answered(func() error {
		const flags = unix.AT_STATX_DONT_SYNC | unix.AT_NO_AUTOMOUNT | unix.AT_SYMLINK_NOFOLLOW
		return unix.Statx(int(p.dir.Fd()), "root"+m.Path, flags, unix.STATX_TYPE|unix.STATX_MNT_ID, &st)
	})
	if err != nil || st.Mask&unix.STATX_MNT_ID == 0 || st.Mnt_id != uint64(m.ID) { //nolint:gosec // a number of the kernel's
		return false
	}
	kind := st.Mode & unix.S_IFMT
	return kind != unix.S_IFDIR && kind != unix.S_IFSOCK
}

// showSameFiles reports whether a UNIX socket can be in both mounts. All containers have mounts of some of the kernel's
// file systems, on which nobody can make one, and devices of the host.
func showSameFiles(a, b procfs.Mount) bool {
	switch a.Type {
	case "cgroup", "cgroup2", "sysfs", "devpts", "nsfs", "securityfs":
		return false
	case "devtmpfs":
		return a.Root == "/" && b.Root == "/" && a.Device == b.Device
	}
	return a.Device == b.Device && (isIn(a.Root, b.Root) || isIn(b.Root, a.Root))
}

// relevant reports whether a process in a user namespace can have rights over the command.
func (w *watcherScan) relevant(user ns.ID) bool {
	return slices.ContainsFunc(w.users, func(u plan.UserNamespace) bool { return u.ID == user })
}

// readOnlyRoot reports whether a process has its root directory mounted read-only. Then it would gain rights
// from a process that has the directory writable. The directory is the host's, so statfs(2) does not ask a file
// system server of the container.
func readOnlyRoot(dir int) bool {
	fd, err := unix.Openat(dir, "root", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return true
	}
	defer unix.Close(fd)
	var fs unix.Statfs_t
	return unix.Fstatfs(fd, &fs) != nil || fs.Flags&unix.ST_RDONLY != 0
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

// inOwnPIDNamespace reports whether a process is in the helper's pid namespace: then it has only one number. Every
// process may read that.
func (p *Process) inOwnPIDNamespace() bool {
	st, err := p.readStatus()
	numbers, errNumbers := st.IDs("NSpid")
	return err == nil && errNumbers == nil && len(numbers) == 1
}

// onlyUnmappedUIDs reports whether none of a process's uids is mapped in the helper's user namespace: then it is
// in neither that one nor one below it.
func (p *Process) onlyUnmappedUIDs() bool {
	overflow := procfs.OverflowUID()
	st, err := p.readStatus()
	numbers, errNumbers := st.IDs("Uid")
	return err == nil && errNumbers == nil && len(numbers) > 0 &&
		!slices.ContainsFunc(numbers, func(uid uint32) bool { return uid != overflow })
}

// readWatcher reads the rights of a process, and its permitted capabilities.
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
	w.AnyID = limited == 0
	w.Capabilities = caps.Bounding | caps.Permitted
	return w, caps.Permitted, err
}

// add merges a watcher with the others of its user namespace, if that namespace is relevant. A watcher with more
// capabilities than the container is kept separate. So are watchers that have all capabilities only together: the plan
// does not count one that has all.
func (w *watcherScan) add(p plan.Watcher) {
	if !w.relevant(p.User) {
		return
	}
	within := p.Capabilities&^w.configured.Capabilities == 0
	i := slices.IndexFunc(w.found, func(other plan.Watcher) bool {
		sum := other.Capabilities | p.Capabilities
		return other.Outside == 0 && other.User == p.User && within == (other.Capabilities&^w.configured.Capabilities == 0) &&
			(!sum.All() || other.Capabilities.All() && p.Capabilities.All())
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
