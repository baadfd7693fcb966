//go:build linux

package session

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/procfs"
)

// grace is how long a command may take to end when its caller is gone, and how
// often, at first, it is looked whether it did.
const (
	grace    = 10 * time.Second
	interval = 20 * time.Millisecond
)

// group is a command and, where it leads a session, all processes of that.
type group struct {
	pid     int
	leads   bool
	started uint64 // when the command was, in clock ticks since boot
}

// newGroup holds the command, process pid, which was not waited for.
func newGroup(pid int, leads bool) (*group, error) {
	st, err := procfs.ReadStat(pid)
	if err != nil {
		return nil, fmt.Errorf("the command: %w", err)
	}
	return &group{pid: pid, leads: leads, started: st.Start}, nil
}

// end ends the group as a terminal that goes away does, by SIGHUP, and by
// SIGKILL what is there after the grace. It returns when nothing is left.
func (g *group) end() {
	g.signal(unix.SIGHUP)
	g.signal(unix.SIGCONT) // one that is stopped would not notice
	pause := interval
	for deadline := time.Now().Add(grace); time.Now().Before(deadline); time.Sleep(pause) {
		if !g.signal(0) {
			return
		}
		pause = min(2*pause, 10*interval) // every look is at all processes of the machine
	}
	for g.signal(unix.SIGKILL) {
		time.Sleep(interval)
	}
}

// signal sends sig to every member that lives and tells whether there was one.
func (g *group) signal(sig unix.Signal) bool {
	sent := false
	for _, pid := range g.members() {
		sent = g.signalMember(pid, sig) || sent
	}
	return sent
}

// signalMember signals a process that was a member a moment ago.
func (g *group) signalMember(pid int, sig unix.Signal) bool {
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return false
	}
	defer unix.Close(fd)
	if st, err := procfs.ReadStat(pid); err != nil || !g.has(pid, st) {
		return false // the number is another's by now
	}
	return unix.PidfdSendSignal(fd, sig, nil, 0) == nil
}

// has tells whether a process is a member that lives.
func (g *group) has(pid int, st procfs.Stat) bool {
	if st.Dead() || pid == g.pid && st.Start != g.started {
		return false
	}
	return pid == g.pid || g.leads && st.Session == g.pid
}

// members lists the processes of the group. A session's number is not given to
// another one as long as it has any; a leader that started later means that it was.
func (g *group) members() []int {
	st, err := procfs.ReadStat(g.pid)
	if err == nil && st.Start != g.started {
		return nil
	}
	if !g.leads {
		return []int{g.pid}
	}
	var pids []int
	all, _ := procfs.Numbers("/proc")
	for _, pid := range all {
		if st, err := procfs.ReadStat(pid); err == nil && g.has(pid, st) {
			pids = append(pids, pid)
		}
	}
	return pids
}
