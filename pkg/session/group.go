//go:build linux

package session

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
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
	started string // when the command was, in ticks since boot
}

// newGroup holds the command, process pid, which was not waited for.
func newGroup(pid int, leads bool) (*group, error) {
	st, err := readStat(pid)
	if err != nil {
		return nil, fmt.Errorf("the command: %w", err)
	}
	return &group{pid: pid, leads: leads, started: st.started}, nil
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
	if st, err := readStat(pid); err != nil || !g.has(pid, st) {
		return false // the number is another's by now
	}
	return unix.PidfdSendSignal(fd, sig, nil, 0) == nil
}

// has tells whether a process is a member that lives.
func (g *group) has(pid int, st stat) bool {
	if st.dead() || pid == g.pid && st.started != g.started {
		return false
	}
	return pid == g.pid || g.leads && st.session == g.pid
}

// members lists the processes of the group. A session's number is not given to
// another one as long as it has any; a leader that started later means that it was.
func (g *group) members() []int {
	st, err := readStat(g.pid)
	if err == nil && st.started != g.started {
		return nil
	}
	if !g.leads {
		return []int{g.pid}
	}
	var pids []int
	for _, name := range names("/proc") {
		pid, err := strconv.Atoi(name)
		if err != nil {
			continue
		}
		if st, err := readStat(pid); err == nil && g.has(pid, st) {
			pids = append(pids, pid)
		}
	}
	return pids
}

// names lists a directory, without the 20 KB of os.ReadDir.
func names(path string) []string {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil
	}
	defer unix.Close(fd)
	var list []string
	buf := make([]byte, 32<<10)
	for {
		n, err := unix.ReadDirent(fd, buf)
		if err != nil || n <= 0 {
			return list
		}
		_, _, list = unix.ParseDirent(buf[:n], -1, list)
	}
}

// stat is what is used of /proc/PID/stat, proc_pid_stat(5).
type stat struct {
	state   string
	group   int // of processes
	session int
	exiting bool // PF_EXITING of the kernel's include/linux/sched.h
	started string
	catches uint64 // signals that it ignores or has a handler for
}

func (s stat) dead() bool { return s.state == "Z" || s.state == "X" }

// handles tells whether a signal has another than its default action.
func (s stat) handles(sig unix.Signal) bool { return s.catches&(1<<(sig-1)) != 0 }

func readStat(pid int) (stat, error) {
	f, err := os.Open(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return stat{}, err
	}
	defer f.Close()
	text, err := io.ReadAll(f)
	if err != nil {
		return stat{}, err
	}
	return parseStat(string(text))
}

// parseStat reads the fields from the third on, after the command's name, which
// may have any character in it.
func parseStat(text string) (stat, error) {
	const first, exiting = 3, 0x4
	name := strings.LastIndex(text, ")")
	fields := strings.Fields(text[name+1:])
	if name < 0 || len(fields) <= 34-first {
		return stat{}, errors.New("stat: too few fields")
	}
	var n [5]int64
	for i, field := range []int{5, 6, 9, 33, 34} {
		var err error
		if n[i], err = strconv.ParseInt(fields[field-first], 10, 64); err != nil {
			return stat{}, fmt.Errorf("stat: field %d: %w", field, err)
		}
	}
	return stat{
		state: fields[0], group: int(n[0]), session: int(n[1]), exiting: n[2]&exiting != 0,
		started: fields[22-first], catches: uint64(n[3] | n[4]),
	}, nil
}
