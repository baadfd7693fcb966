//go:build linux

package observe

import (
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
	all   plan.CapSet          // the capabilities of the host's root
	// readOnly says that the host has its root directory mounted read-only.
	readOnly bool
	// configured is the container that the pid namespace is taken from, with its configured rights, container its full ID,
	// and mounts its mount namespace. All are zero if it is not taken from a container.
	configured plan.Watcher
	container  string
	mounts     ns.ID
	// remapped says that some users of the machine have no number in the helper's user namespace, as with a
	// rootless engine.
	remapped bool
	hosts    []ns.ID      // pid namespaces whose processes see everything, or are the helper's
	threads  int          // number of threads that were read
	ended    map[int]bool // processes and threads that had ended when they were read
	found    []plan.Watcher
}

// capabilitiesOfRoot returns the capabilities that the host's first process can give to others: all that the kernel
// knows, unless the machine is itself restricted. If they are not those of root, it returns all.
func capabilitiesOfRoot() plan.CapSet {
	const known plan.CapSet = 1<<38 - 1 // up to CAP_AUDIT_READ of Linux 3.16
	first, err := openProcDir(1)
	if err != nil {
		return known
	}
	defer first.dir.Close()
	st, err := first.readStatus()
	if err != nil {
		return known
	}
	caps, err := capabilities(st)
	root := caps.Permitted & caps.Bounding
	if err != nil || root&plan.CapSysAdmin == 0 {
		return known
	}
	return known & root
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
	if root, readOnly, err := w.hasHostRoot(dir); err != nil || root && (w.readOnly || !readOnly) {
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
	if err != nil || mounts == w.mounts && w.outOfReach(found, permitted) {
		return true, err
	}
	return true, w.addInside(p, found)
}

// relevant reports whether a process in a user namespace can have rights over the command.
func (w *watcherScan) relevant(user ns.ID) bool {
	return slices.ContainsFunc(w.users, func(u plan.UserNamespace) bool { return u.ID == user })
}

// hasHostRoot reports whether a process has the host's root directory, and whether it has that mounted read-only: then it
// would gain rights from a process that has it writable. The directory is looked up once, since the process can change it
// at any time. Any other one may be on a file system whose server does not answer, or refuses others. So it is asked for the
// number of the file system only, which the kernel knows.
func (w *watcherScan) hasHostRoot(dir int) (has, readOnly bool, err error) {
	root, err := openRootAt(dir)
	if err != nil {
		return false, false, ignoreAccess(err)
	}
	defer unix.Close(root)
	var st unix.Statx_t
	err = unix.Statx(root, "", unix.AT_EMPTY_PATH|unix.AT_STATX_DONT_SYNC|unix.AT_NO_AUTOMOUNT, 0, &st)
	if err != nil || unix.Mkdev(st.Dev_major, st.Dev_minor) != w.root.Dev {
		return false, false, ignoreAccess(err)
	}
	var own unix.Stat_t
	if err := unix.Fstat(root, &own); err != nil || own.Dev != w.root.Dev || own.Ino != w.root.Ino {
		return false, false, err
	}
	return true, isReadOnly(root), nil
}

// openRootAt opens the root directory of a process, whose directory in /proc is open, without asking its file system.
func openRootAt(dir int) (int, error) {
	return unix.Openat(dir, "root", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
}

// ignoreAccess returns err, or nil if it is EACCES: of a root directory that may not be looked at, as it is not the host's.
func ignoreAccess(err error) error {
	if errors.Is(err, unix.EACCES) {
		return nil
	}
	return err
}

// isReadOnly reports whether an open directory of the host's is mounted read-only.
func isReadOnly(dir int) bool {
	var fs unix.Statfs_t
	return unix.Fstatfs(dir, &fs) != nil || fs.Flags&unix.ST_RDONLY != 0
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
