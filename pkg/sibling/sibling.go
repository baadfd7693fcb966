//go:build linux

// Package sibling makes a group of cgroup v2 beside another one: with the same limits, and the same BPF programs, which
// decide about devices and the network. A command for a container that is paused runs there, since all that is in the
// container's own group is frozen.
//
// A group is removed by the helper that made it, or by a watchdog if that is killed. If both are killed, the next call
// that makes a group beside the same ones removes it: whoever uses a group holds a lock on its directory.
package sibling

import (
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/watchdog"
)

// Group is a group that was made. A nil Group is none.
type Group struct {
	Dir   *os.File // its directory
	Procs *os.File // its cgroup.procs: a process that writes its number there joins it

	name     string
	parent   *os.File
	watchdog *watchdog.Watchdog
}

// mark is part of each group's name, between that of the group beside it and random digits.
const mark = ".nsjoin-"

// Make makes a group beside the one whose directory is of, and whose name is name. It fails if the group can't have the
// same limits and programs, or would be frozen too.
func Make(of *os.File, name string, fork watchdog.Fork) (*Group, error) {
	parent, err := openAt(of, "..", unix.O_PATH|unix.O_DIRECTORY)
	if err != nil {
		return nil, err
	}
	sweep(parent)
	g := &Group{parent: parent}
	if err := g.make(name); err != nil {
		parent.Close()
		return nil, fmt.Errorf("make the cgroup: %w", err)
	}
	if err := g.prepare(of, fork); err != nil {
		g.End(false)
		return nil, err
	}
	return g, nil
}

// make makes the group and locks it. Until it is locked, another call may take it for one that nobody uses and remove
// it: then another one is made.
func (g *Group) make(name string) error {
	const attempts = 100
	var err error
	for range attempts {
		var random [8]byte
		if _, err := unix.Getrandom(random[:], 0); err != nil { // not crypto/rand, which makes the helper larger
			return err
		}
		g.name = name + mark + hex.EncodeToString(random[:])
		if err := unix.Mkdirat(int(g.parent.Fd()), g.name, 0o755); err != nil { //nolint:mnd // as a runtime makes it
			return err
		}
		if g.Dir, err = openAt(g.parent, g.name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW); err == nil {
			err = unix.Flock(int(g.Dir.Fd()), unix.LOCK_EX|unix.LOCK_NB)
			if err == nil {
				err = unix.Faccessat(int(g.parent.Fd()), g.name, unix.F_OK, 0) // it may have been removed before it was locked
			}
			if err == nil {
				return nil
			}
			g.Dir.Close()
		}
		_ = unix.Unlinkat(int(g.parent.Fd()), g.name, unix.AT_REMOVEDIR)
		if !errors.Is(err, unix.ENOENT) && !errors.Is(err, unix.EWOULDBLOCK) {
			break
		}
	}
	return err
}

// prepare has a watchdog remove the group, and gives it what the group of has.
func (g *Group) prepare(of *os.File, fork watchdog.Fork) (err error) {
	alive, conn, err := os.Pipe()
	if err != nil {
		return err
	}
	if g.watchdog, err = watchdog.Start(fork, []string{"docker-nsjoin", WatchdogArg, g.name}, alive, conn, g.parent, g.Dir); err != nil {
		return err
	}
	if err := copyLimits(of, g.Dir); err != nil {
		return err
	}
	if err := copyPrograms(int(of.Fd()), int(g.Dir.Fd())); err != nil {
		return err
	}
	if readLine(g.Dir, "cgroup.type") != "domain" {
		return errors.New("the cgroup would be a threaded one")
	}
	if eventIs(g.Dir, "frozen 1") {
		return errors.New("what is beside it is frozen too")
	}
	g.Procs, err = openAt(g.Dir, "cgroup.procs", unix.O_WRONLY)
	return err
}

// End kills what is left in the group and removes it. If running, the command goes on: then the watchdog removes the
// group when its last process has ended.
func (g *Group) End(running bool) {
	if g == nil {
		return
	}
	if running && g.watchdog != nil {
		_, _ = g.watchdog.Conn.Write([]byte{orderWait})
		g.watchdog.Conn.Close()
		return
	}
	remove(g.parent, g.Dir, g.name, 0)
	g.watchdog.Stop()
	for _, f := range []*os.File{g.Procs, g.Dir, g.parent} {
		f.Close()
	}
}

// sweep removes the groups that nobody uses any more.
func sweep(parent *os.File) {
	dir, err := openAt(parent, ".", unix.O_RDONLY|unix.O_DIRECTORY)
	if err != nil {
		return
	}
	defer dir.Close()
	buf := make([]byte, 8<<10)
	for {
		n, err := unix.ReadDirent(int(dir.Fd()), buf)
		if err != nil || n <= 0 {
			return
		}
		_, _, names := unix.ParseDirent(buf[:n], -1, nil)
		for _, name := range names {
			if strings.Contains(name, mark) {
				removeUnused(parent, name)
			}
		}
	}
}

// removeUnused removes a group without processes that nobody holds the lock of.
func removeUnused(parent *os.File, name string) {
	dir, err := openAt(parent, name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW)
	if err != nil {
		return
	}
	defer dir.Close()
	if unix.Flock(int(dir.Fd()), unix.LOCK_EX|unix.LOCK_NB) == nil {
		_ = unix.Unlinkat(int(parent.Fd()), name, unix.AT_REMOVEDIR)
	}
}

// Times that a removal may take.
const (
	killTime = 5 * time.Second
	interval = 10 * time.Millisecond
)

// remove waits until the group has no processes, for as long as patience, kills what is left then, and removes it.
func remove(parent, dir *os.File, name string, patience time.Duration) {
	if dir != nil {
		waitUntilEmpty(dir, patience)
		for until := time.Now().Add(killTime); !eventIs(dir, "populated 0") && time.Now().Before(until); {
			kill(dir)
			waitUntilEmpty(dir, interval)
		}
	}
	for range int(killTime / interval) {
		if err := unix.Unlinkat(int(parent.Fd()), name, unix.AT_REMOVEDIR); !errors.Is(err, unix.EBUSY) {
			return
		}
		time.Sleep(interval)
	}
}

// waitUntilEmpty waits until the group has no processes; forever if limit is negative.
func waitUntilEmpty(dir *os.File, limit time.Duration) {
	events, err := openAt(dir, "cgroup.events", unix.O_RDONLY)
	if err != nil {
		return
	}
	defer events.Close()
	const longest = 10 * time.Second // between two looks
	for until := time.Now().Add(limit); !hasLine(events, "populated 0"); {
		left := min(longest, time.Until(until))
		if limit < 0 {
			left = longest
		} else if left <= 0 {
			return
		}
		_, _ = unix.Poll([]unix.PollFd{{Fd: int32(events.Fd()), Events: unix.POLLPRI}}, int(left.Milliseconds())+1)
	}
}

// kill kills all processes of the group.
func kill(dir *os.File) {
	if f, err := openAt(dir, "cgroup.kill", unix.O_WRONLY); err == nil { // since Linux 5.14
		_, _ = f.WriteString("1")
		f.Close()
		return
	}
	for _, pid := range pids(dir) {
		fd, err := unix.PidfdOpen(pid, 0)
		if err != nil {
			continue
		}
		for _, again := range pids(dir) { // the number may have been another process's before
			if again == pid {
				_ = unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0)
			}
		}
		unix.Close(fd)
	}
}

// WatchdogArg makes the helper the watchdog of the group whose name follows it.
const WatchdogArg = "ungroup"

// orderWait tells the watchdog that the command goes on.
const orderWait = 'w'

// RunWatchdog removes the group. It runs when the helper is gone; its standard output is the directory above the
// group's, its standard error the group's.
func RunWatchdog(name string) error {
	const grace = 15 * time.Second // longer than the session's watchdog gives the command
	patience := grace
	order := make([]byte, 1)
	if n, _ := os.Stdin.Read(order); n == 1 && order[0] == orderWait {
		patience = -1
	}
	remove(os.Stdout, os.Stderr, name, patience)
	return nil
}
