//go:build linux

package session

import (
	"fmt"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/ns"
	"github.com/nsjoin/docker-nsjoin/pkg/procfs"
)

// grace is how long a command may take to end when its caller is gone. What doesn't end
// by SIGKILL is frozen or waits for a disk: it is looked for again after interval at first, and
// more and more rarely, up to rarely.
const (
	grace    = 10 * time.Second
	interval = 20 * time.Millisecond
	rarely   = time.Minute
)

// group is a command and, where it leads a session, all processes of that. Each is known by
// a pidfd: a number is only where to look.
type group struct {
	pid   int
	pidfd *os.File // the command's
	leads bool
	// child says that the command is a child of ours that was not reaped: the number is no
	// other process's, and no other session's. mu holds it while a signal is passed on.
	child bool
	mu    sync.Mutex
	space ns.ID // the command's pid namespace
	looks int   // how often all processes of the machine were looked at
}

// newGroup holds the command, which is a child of ours that was not waited for.
func newGroup(pid int, pidfd *os.File, leads bool) (*group, error) {
	space, err := spaceOf(pid)
	if err != nil {
		return nil, fmt.Errorf("the command: %w", err)
	}
	return &group{pid: pid, pidfd: pidfd, leads: leads, child: true, space: space}, nil
}

// letGo reaps the command, which has ended: as long as it is there its pid namespace, and so its
// container, can't end.
func (g *group) letGo(reap func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.child = false
	reap()
}

// spaceOf is the pid namespace that a process is in.
func spaceOf(pid int) (ns.ID, error) {
	var st unix.Stat_t
	err := unix.Stat(fmt.Sprintf("/proc/%d/ns/pid", pid), &st)
	return ns.ID{Dev: st.Dev, Ino: st.Ino}, err
}

// end ends the group as a terminal that goes away does, by SIGHUP, and by
// SIGKILL what is there after the grace. It returns when nothing is left: in a container that
// is paused by cgroup v1 that is when it goes on.
func (g *group) end() {
	deadline := time.Now().Add(grace)
	// One that is stopped would not notice.
	for left := g.signal(unix.SIGHUP, unix.SIGCONT); ; left = g.signal() {
		if left.none() {
			return
		}
		if time.Now().After(deadline) {
			left.close()
			break
		}
		left.wait(time.Until(deadline))
	}
	for pause := interval; ; pause = longer(pause) {
		left := g.signal(unix.SIGKILL)
		if left.none() {
			return
		}
		left.wait(pause)
	}
}

// longer is the next pause.
func longer(pause time.Duration) time.Duration { return min(2*pause, rarely) }

// signal sends signals to every member that lives, and returns them.
func (g *group) signal(sigs ...unix.Signal) *living {
	l := &living{}
	g.members(func(fd int, _ procfs.Stat) {
		for _, sig := range sigs {
			_ = unix.PidfdSendSignal(fd, sig, nil, 0)
		}
		l.add(fd)
	})
	return l
}

// ended tells whether the command has ended, with all of its threads.
func (g *group) ended() bool { return readable(int(g.pidfd.Fd()), 0) }

// members calls visit with a pidfd of each member that lives, which is closed then, and
// what /proc says of it.
func (g *group) members(visit func(fd int, st procfs.Stat)) {
	if st, err := procfs.ReadStat(g.pid); err == nil && !g.ended() {
		visit(int(g.pidfd.Fd()), st)
	}
	if !g.leads || g.numberIsAnothers() {
		return
	}
	g.looks++
	all, _ := procfs.Numbers("/proc")
	for _, pid := range all {
		if st, err := procfs.ReadStat(pid); err == nil && st.Session == g.pid && pid != g.pid {
			g.member(pid, visit)
		}
	}
}

// numberIsAnothers tells whether the command's number was given to another process.
func (g *group) numberIsAnothers() bool {
	if g.child || !g.ended() {
		return false
	}
	st, err := procfs.ReadStat(g.pid)
	return err == nil && !st.Dead()
}

// member visits a process that was one a moment ago, if it is one.
func (g *group) member(pid int, visit func(fd int, st procfs.Stat)) {
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return
	}
	defer unix.Close(fd)
	st, err := procfs.ReadStat(pid)
	if err != nil || st.Session != g.pid || !g.isOurs(pid) || readable(fd, 0) {
		return
	}
	visit(fd, st) // it lives, so that all that was read is its
}

// isOurs tells whether the session of a process that has the command's number is the
// command's. That is certain as long as the command is there; later it is another one's only if
// all numbers were given away in between, but then no process of another namespace is touched.
func (g *group) isOurs(pid int) bool {
	if g.child || !g.ended() {
		return true
	}
	space, err := spaceOf(pid)
	return err == nil && space == g.space
}

// living are members of a group that lived a moment ago.
type living struct {
	fds  []int // pidfds of some
	more bool  // there are others
}

// maxHeld is how many are waited for at once, since descriptors are few.
const maxHeld = 128

func (l *living) none() bool { return len(l.fds) == 0 && !l.more }

// add keeps a pidfd of its own.
func (l *living) add(fd int) {
	if len(l.fds) < maxHeld {
		if own, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0); err == nil {
			l.fds = append(l.fds, own)
			return
		}
	}
	l.more = true
}

// wait waits for the end of all that are held, for interval at least and limit at most.
func (l *living) wait(limit time.Duration) {
	defer l.close()
	deadline := time.Now().Add(limit)
	if len(l.fds) == 0 { // there was no place for a descriptor
		time.Sleep(limit)
	}
	time.Sleep(min(limit, interval))
	for _, fd := range l.fds {
		readable(fd, max(0, time.Until(deadline)))
	}
}

func (l *living) close() {
	for _, fd := range l.fds {
		unix.Close(fd)
	}
	l.fds = nil
}
