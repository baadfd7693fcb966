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
// often it is looked whether it did.
const (
	grace    = 10 * time.Second
	interval = 20 * time.Millisecond
)

// group is a command and, where it leads a session, all processes of that.
type group struct {
	pid     int
	pidfd   int
	leads   bool
	started string // when the command was, in ticks since boot
}

// newGroup holds the command, process pid, which runs or was not waited for.
func newGroup(pid int, leads bool) (*group, error) {
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return nil, fmt.Errorf("pidfd of the command: %w", err)
	}
	g := &group{pid: pid, pidfd: fd, leads: leads}
	if st, err := readStat(pid); err == nil {
		g.started = st.started
	}
	return g, nil
}

// end ends the group as a terminal that goes away does, by SIGHUP, and by
// SIGKILL what is there after the grace. It returns when nothing is left.
func (g *group) end() {
	g.signal(unix.SIGHUP)
	g.signal(unix.SIGCONT) // one that is stopped would not notice
	for deadline := time.Now().Add(grace); time.Now().Before(deadline); time.Sleep(interval) {
		if !g.signal(0) {
			return
		}
	}
	for g.signal(unix.SIGKILL) {
		time.Sleep(interval)
	}
}

// signal sends sig to every member that lives and tells whether there was one.
func (g *group) signal(sig unix.Signal) bool {
	if !g.leads {
		return lives(g.pid, g.started) && unix.PidfdSendSignal(g.pidfd, sig, nil, 0) == nil
	}
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
	if st, err := readStat(pid); err != nil || st.session != g.pid || st.dead() {
		return false // the number is another's by now
	}
	return unix.PidfdSendSignal(fd, sig, nil, 0) == nil
}

// members lists the processes of the session. Its number is not given to
// another one as long as there are any; a leader that started later means that
// it was.
func (g *group) members() []int {
	if st, err := readStat(g.pid); err == nil && st.started != g.started {
		return nil
	}
	var pids []int
	for _, name := range names("/proc") {
		pid, err := strconv.Atoi(name)
		if err != nil {
			continue
		}
		if st, err := readStat(pid); err == nil && st.session == g.pid && !st.dead() {
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
	session int
	started string
}

func (s stat) dead() bool { return s.state == "Z" || s.state == "X" }

func lives(pid int, started string) bool {
	st, err := readStat(pid)
	return err == nil && st.started == started && !st.dead()
}

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
	name := strings.LastIndex(text, ")")
	fields := strings.Fields(text[name+1:])
	if name < 0 || len(fields) < 20 {
		return stat{}, errors.New("stat: too few fields")
	}
	session, err := strconv.Atoi(fields[3])
	if err != nil {
		return stat{}, fmt.Errorf("stat: session: %w", err)
	}
	return stat{state: fields[0], session: session, started: fields[19]}, nil
}
