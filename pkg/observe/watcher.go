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

// watchers are found by a pass over /proc.
type watchers struct {
	above []ns.ID              // the pid namespaces that see the command
	users []plan.UserNamespace // the user namespaces that matter
	root  ns.ID                // the host's root directory
	// readOnly says that the host itself can't write to it.
	readOnly bool
	// configured is the container that gives the pid namespace, and mounts its mount
	// namespace; nothing where no container does.
	configured plan.Watcher
	mounts     ns.ID
	// remapped says that not every user of the machine has a number in the helper's user
	// namespace, as for a rootless engine's.
	remapped bool
	threads  int          // that were looked at
	ended    map[int]bool // processes and threads that had when they were looked at
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

// Bounds of a pass over /proc: how often what is new there is looked at, and how many threads there
// may be of those who see the command.
const (
	maxRounds  = 100
	maxThreads = 20000
)

var (
	errHasty   = errors.New("who sees the command: processes come and go too fast to be looked at")
	errThreads = errors.New("it has too many threads")
)

// pass looks at all processes. One that ended before it was looked at has perhaps left a child
// which was not listed: so it lists them again, until each that was listed was looked at. Who has a
// process fork and end all the time is found that way, or is a refusal.
func (w *watchers) pass() error {
	looked := make(map[int]bool)
	w.ended = make(map[int]bool)
	for range maxRounds {
		missed, err := eachOnce("/proc", looked, w.look)
		if err != nil || !missed {
			return err
		}
	}
	return errHasty
}

// eachOnce gives the numbers in a directory of /proc to look that were not looked at, and tells whether
// it has missed some, which had ended.
func eachOnce(dir string, looked map[int]bool, look func(number int) error) (missed bool, err error) {
	listed := procfs.EachNumber(dir, func(number int) bool {
		if looked[number] {
			return true
		}
		switch e := look(number); {
		case e == nil:
			looked[number] = true
		case errors.Is(e, unix.ENOENT), errors.Is(e, unix.ESRCH):
			missed = true
		default:
			err = fmt.Errorf("who sees the command: process %d: %w", number, e)
		}
		return err == nil
	})
	return missed, errors.Join(listed, err)
}

// look counts a process that sees the command, with each of its threads: all have capabilities of
// their own, and the main thread may have ended.
func (w *watchers) look(pid int) error {
	p, err := lookInto(pid)
	if err != nil {
		return err
	}
	defer p.dir.Close()
	sees, err := w.lookAt(p)
	if err != nil && !errors.Is(err, unix.ENOENT) || err == nil && !sees {
		return err
	}
	st, errStat := procfs.ReadStatIn(int(p.dir.Fd()))
	switch {
	case errStat != nil:
		return errStat
	case (st.MainEnded() || err != nil && st.Exiting) && st.Threads <= 1:
		return w.hasEnded(pid)
	case err != nil && !st.MainEnded() && !st.Exiting:
		return err
	case st.Threads <= 1:
		return nil
	}
	looked := make(map[int]bool)
	missed, err := eachOnce(fmt.Sprintf("/proc/%d/task", pid), looked, func(tid int) error { return w.lookAtThread(pid, tid) })
	if err == nil && missed {
		err = unix.ESRCH
	}
	return err
}

func (w *watchers) lookAtThread(pid, tid int) error {
	if w.threads++; w.threads > maxThreads {
		return errThreads
	}
	dir, err := openDir(fmt.Sprintf("/proc/%d/task/%d", pid, tid))
	if err != nil {
		return err
	}
	defer dir.Close()
	if _, err = w.lookAt(&Process{PID: pid, dir: dir}); errors.Is(err, unix.ENOENT) {
		if st, e := procfs.ReadStatIn(int(dir.Fd())); e == nil && (st.MainEnded() || st.Exiting) {
			return w.hasEnded(tid)
		}
	}
	return err
}

// hasEnded is nil for a process or thread that had ended, or given its namespaces up for that, before
// it was listed this time: it has left nobody behind who is not listed, too.
func (w *watchers) hasEnded(number int) error {
	if w.ended[number] {
		return nil
	}
	w.ended[number] = true
	return unix.ESRCH
}

// lookAt counts a thread of a process that sees the command, whose directory is open. One that has
// the host's root directory has the host's files already: mostly it is another command of docker
// nsjoin. A container can have that directory read-only.
func (w *watchers) lookAt(p *Process) (sees bool, err error) {
	dir := int(p.dir.Fd())
	namespace, err := nodeAt(dir, "ns/pid")
	if errors.Is(err, unix.EACCES) && (p.beneathNone() || w.remapped && p.unmapped()) {
		return false, nil
	}
	if err != nil || !slices.Contains(w.above, namespace) {
		return false, err
	}
	if root, err := nodeAt(dir, "root"); err != nil || root == w.root && (w.readOnly || !cannotWrite(dir)) {
		return false, err
	}
	found, permitted, err := p.watcher(dir)
	if err != nil {
		return true, err
	}
	mounts, err := nodeAt(dir, "ns/mnt")
	if err != nil {
		return true, err
	}
	if mounts != w.mounts || !w.beyond(found, permitted) {
		w.count(found)
	}
	return true, nil
}

// cannotWrite tells whether a process has its root directory read-only, so that it gains by a process
// that has it otherwise. It is the host's: no server of the container's is asked.
func cannotWrite(dir int) bool {
	fd, err := unix.Openat(dir, "root", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return true
	}
	defer unix.Close(fd)
	var fs unix.Statfs_t
	return unix.Fstatfs(fd, &fs) != nil || fs.Flags&unix.ST_RDONLY != 0
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
