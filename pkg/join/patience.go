//go:build linux

package join

import (
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/exit"
)

// patience is how long the child may keep silent. It takes a millisecond; one that
// was frozen with the cgroup that it joined never speaks.
const patience = 10 * time.Second

// await waits until the child says something or is gone. It fails where nobody wants the
// command any more, which caller tells by becoming readable, and where the child
// gets nowhere. The command's file may take its time, whatever it is on.
func (f *follower) await(status, caller *os.File) error {
	fds := []unix.PollFd{{Fd: int32(status.Fd()), Events: unix.POLLIN}, {Fd: -1}}
	if caller != nil {
		fds[1] = unix.PollFd{Fd: int32(caller.Fd()), Events: unix.POLLIN}
	}
	limit := int(patience.Milliseconds())
	if f.settled {
		limit = -1
	}
	for {
		n, err := unix.Poll(fds, limit)
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return fmt.Errorf("wait for the child: %w", err)
		case n == 0:
			return exit.Hint(fmt.Errorf("join %q: nothing happened within %s: is it paused?", f.plan.Target, patience),
				"docker ps shows whether it is; docker unpause lets it go on")
		case fds[0].Revents == 0:
			return errors.New("interrupted before the command ran")
		default:
			return nil
		}
	}
}

// abandon ends the child, whatever it does. One that is frozen in a cgroup of v1 can't
// even be killed: takeBack takes it out of that.
func (f *follower) abandon(takeBack func(pid int) error) {
	if f.pid <= 0 {
		return
	}
	const moment = 100 * time.Millisecond
	_ = unix.Kill(f.pid, unix.SIGKILL)
	if !f.reapWithin(moment) && takeBack != nil {
		_ = takeBack(f.pid)
		f.reapWithin(10 * moment)
	}
	f.pid = 0
}

// reapWithin waits for the end of a child that was killed, and tells whether it came.
func (f *follower) reapWithin(limit time.Duration) bool {
	for deadline := time.Now().Add(limit); ; time.Sleep(time.Millisecond) {
		pid, err := unix.Wait4(f.pid, nil, unix.WALL|unix.WNOHANG, nil)
		switch {
		case pid == f.pid, err != nil && !errors.Is(err, unix.EINTR):
			return true
		case time.Now().After(deadline):
			return false
		}
	}
}
