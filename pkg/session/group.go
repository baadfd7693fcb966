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

// grace is how long a command has to end when its caller is gone. A process that SIGKILL does not
// end is frozen or waits for a disk: it is signalled again after minInterval, then less and less
// often, up to every maxInterval.
const (
	grace       = 10 * time.Second
	minInterval = 20 * time.Millisecond
	maxInterval = time.Minute
)

// group is a command and, if it leads a session, all processes of that session. Each is
// identified by a pidfd; a pid only says where to look.
type group struct {
	pid   int
	pidfd *os.File // the command's
	leads bool
	// child says that the command is a child of this process that has not been reaped: nothing else
	// can have its pid or session ID. mu is held while a signal is forwarded.
	child bool
	mu    sync.Mutex
	pidNS ns.ID // the command's pid namespace
	scans int   // how often all processes of the machine were read
}

// newGroup returns the group of a command that is a child of this process and not yet waited for.
func newGroup(pid int, pidfd *os.File, leads bool) (*group, error) {
	pidNS, err := pidNSOf(pid)
	if err != nil {
		return nil, fmt.Errorf("read the command's pid namespace: %w", err)
	}
	return &group{pid: pid, pidfd: pidfd, leads: leads, child: true, pidNS: pidNS}, nil
}

// reapCommand reaps the command, which has ended: while it is a zombie its pid namespace, and
// thus its container, can't end.
func (g *group) reapCommand(reap func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.child = false
	reap()
}

// pidNSOf returns the pid namespace of a process.
func pidNSOf(pid int) (ns.ID, error) {
	var st unix.Stat_t
	err := unix.Stat(fmt.Sprintf("/proc/%d/ns/pid", pid), &st)
	return ns.ID{Dev: st.Dev, Ino: st.Ino}, err
}

// end sends SIGHUP to the group, as a terminal that hangs up does, and SIGKILL to what is left
// after grace. It returns when nothing is left; in a container paused by cgroup v1 that is only after
// the container is unpaused.
func (g *group) end() {
	deadline := time.Now().Add(grace)
	// SIGCONT, so that a stopped process receives the SIGHUP.
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
	for pause := minInterval; ; pause = nextPause(pause) {
		left := g.signal(unix.SIGKILL)
		if left.none() {
			return
		}
		left.wait(pause)
	}
}

func nextPause(pause time.Duration) time.Duration { return min(2*pause, maxInterval) }

// signal sends signals to every living member and returns those members.
func (g *group) signal(sigs ...unix.Signal) *survivors {
	l := &survivors{}
	g.members(func(fd int, _ procfs.Stat) {
		for _, sig := range sigs {
			_ = unix.PidfdSendSignal(fd, sig, nil, 0)
		}
		l.add(fd)
	})
	return l
}

// ended reports whether the command has ended, with all of its threads.
func (g *group) ended() bool { return readable(int(g.pidfd.Fd()), 0) }

// members calls visit with a pidfd of each living member, valid during the call, and the
// member's stat file.
func (g *group) members(visit func(fd int, st procfs.Stat)) {
	if st, err := procfs.ReadStat(g.pid); err == nil && !g.ended() {
		visit(int(g.pidfd.Fd()), st)
	}
	if !g.leads || g.pidReused() {
		return
	}
	g.scans++
	all, _ := procfs.Numbers("/proc")
	for _, pid := range all {
		if st, err := procfs.ReadStat(pid); err == nil && st.Session == g.pid && pid != g.pid {
			g.member(pid, visit)
		}
	}
}

// pidReused reports whether another process has the command's pid.
func (g *group) pidReused() bool {
	if g.child || !g.ended() {
		return false
	}
	st, err := procfs.ReadStat(g.pid)
	return err == nil && !st.Dead()
}

// member visits process pid if it is still a member.
func (g *group) member(pid int, visit func(fd int, st procfs.Stat)) {
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return
	}
	defer unix.Close(fd)
	st, err := procfs.ReadStat(pid)
	if err != nil || st.Session != g.pid || !g.sameSession(pid) || readable(fd, 0) {
		return
	}
	visit(fd, st) // it is alive, so what was read is about this process
}

// sameSession reports whether a process whose session ID is the command's pid is in the command's
// session. Once the command has been reaped, another session may have its ID, but only if all pids
// were used in between, and a process of another pid namespace is never taken for a member.
func (g *group) sameSession(pid int) bool {
	if g.child || !g.ended() {
		return true
	}
	pidNS, err := pidNSOf(pid)
	return err == nil && pidNS == g.pidNS
}

// survivors are the members of a group that were alive when it was last signalled.
type survivors struct {
	fds  []int // pidfds of up to maxPidfds of them
	more bool  // there are others
}

// maxPidfds limits how many survivors are waited for at once, since descriptors are limited.
const maxPidfds = 128

func (l *survivors) none() bool { return len(l.fds) == 0 && !l.more }

// add keeps a copy of the pidfd.
func (l *survivors) add(fd int) {
	if len(l.fds) < maxPidfds {
		if own, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0); err == nil {
			l.fds = append(l.fds, own)
			return
		}
	}
	l.more = true
}

// wait waits until the survivors with a pidfd have ended, for at least minInterval and at most limit.
func (l *survivors) wait(limit time.Duration) {
	defer l.close()
	deadline := time.Now().Add(limit)
	if len(l.fds) == 0 { // no descriptor was free
		time.Sleep(limit)
	}
	time.Sleep(min(limit, minInterval))
	for _, fd := range l.fds {
		readable(fd, max(0, time.Until(deadline)))
	}
}

func (l *survivors) close() {
	for _, fd := range l.fds {
		unix.Close(fd)
	}
	l.fds = nil
}
