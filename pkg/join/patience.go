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
// was frozen with the cgroup that it joined never speaks, and one that somebody in
// the container has stopped doesn't either. Where nobody waits for the command any
// more it has moment: mostly it is about to run, and then a signal is its own.
const (
	patience = 10 * time.Second
	moment   = time.Second
)

// await waits until the child says something or is gone. It fails where nobody waits
// for the command any more, and where the child gets nowhere. The command's file may
// take its time, whatever it is on.
func (f *follower) await(status *os.File, unwanted func() bool) error {
	fds := []unix.PollFd{{Fd: int32(status.Fd()), Events: unix.POLLIN}}
	from := time.Now()
	var since time.Time // it is unwanted
	for {
		n, err := unix.Poll(fds, int((moment / 5).Milliseconds()))
		switch {
		case err != nil && !errors.Is(err, unix.EINTR):
			return fmt.Errorf("wait for the child: %w", err)
		case n > 0:
			return nil
		case unwanted == nil || !unwanted():
			since = time.Time{}
		case since.IsZero():
			since = time.Now()
		case time.Since(since) > moment:
			return ErrInterrupted
		}
		if !f.settled && time.Since(from) > patience {
			return exit.Hint(fmt.Errorf("join %q: nothing happened within %s: is it paused?", f.plan.Target, patience),
				"docker ps shows whether it is; docker unpause lets it go on")
		}
	}
}

// abandon ends the child, whatever it does. One that is frozen in a cgroup of v1 can't
// even be killed: takeBack takes it out of that.
func (f *follower) abandon(takeBack func(pid int) error) {
	if f.pid <= 0 {
		return
	}
	_ = unix.Kill(f.pid, unix.SIGKILL)
	if !f.reapWithin(moment/10) && takeBack != nil {
		_ = takeBack(f.pid)
		f.reapWithin(moment)
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
