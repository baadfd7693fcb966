//go:build linux

package join

import (
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/exit"
	"github.com/nsjoin/docker-nsjoin/pkg/plan"
)

// patience is how long a child may be held up that is stopped or traced by somebody in the
// container, and slowness how long one may keep silent that is only slow: its cgroup has no
// processor time left, or no memory. It takes a millisecond. One that is frozen with the cgroup that
// it joined never speaks. Where nobody waits for the command any more it has moment: mostly it is
// about to run, and then a signal is its own.
const (
	patience = 10 * time.Second
	slowness = 2 * time.Minute
	moment   = time.Second
)

// since is how long the child was waited for.
type since struct {
	start    time.Time
	unwanted time.Time // zero while somebody waits for the command
}

// await waits until something happens. It fails where nobody waits for the command any more,
// and where the child gets nowhere. The command's file may take its time, whatever it is on.
func (f *follower) await(s *since) (happening, error) {
	what, err := f.poll(moment / 5)
	switch {
	case err != nil:
		return nothing, fmt.Errorf("wait for the child: %w", err)
	case what != nothing:
		return what, nil
	case f.held.Unwanted == nil || !f.held.Unwanted():
		s.unwanted = time.Time{}
	case s.unwanted.IsZero():
		s.unwanted = time.Now()
	case time.Since(s.unwanted) > moment:
		return nothing, ErrInterrupted
	}
	if f.settled {
		return nothing, nil
	}
	return nothing, f.stuck(time.Since(s.start))
}

// stuck is why a child that was waited for so long will not go on, or not soon enough.
func (f *follower) stuck(waited time.Duration) error {
	child := f.last
	if child == nil {
		child = f.first
	}
	var frozen bool
	var cause string
	if f.held.Stuck != nil && waited > moment/2 {
		frozen, cause = f.held.Stuck(child.pid)
	}
	switch {
	case frozen:
		return exit.Hint(fmt.Errorf("join %q: it is frozen", f.plan.Target), "%s", plan.FrozenHint)
	case cause != "" && waited > patience:
		return fmt.Errorf("join %q: the command's process does not go on: %s", f.plan.Target, cause)
	case waited > slowness:
		return exit.Hint(fmt.Errorf("join %q: nothing happened within %s", f.plan.Target, slowness),
			"its processor time or its memory may be used up: docker stats shows them, docker update changes their limits")
	}
	return nil
}

// poll tells what happens first, within limit. What was said comes before the end of who said it.
func (f *follower) poll(limit time.Duration) (happening, error) {
	fds := []unix.PollFd{{Fd: int32(f.talk.said), Events: unix.POLLIN}, {Fd: -1}, {Fd: -1}}
	for i, p := range []*process{f.last, f.first} {
		if p != nil {
			fds[i+1] = unix.PollFd{Fd: int32(p.pidfd.Fd()), Events: unix.POLLIN}
		}
	}
	_, err := unix.Poll(fds, int(limit.Milliseconds()))
	switch {
	case errors.Is(err, unix.EINTR):
		return nothing, nil
	case err != nil:
		return nothing, err
	case fds[0].Revents&unix.POLLIN != 0 && f.talk.heard():
		return said, nil
	case fds[2].Revents != 0:
		return firstEnded, nil
	case fds[0].Revents&unix.POLLHUP != 0, fds[1].Revents != 0:
		return silent, nil
	}
	return nothing, nil
}

// abandon ends the children, whatever they do.
func (f *follower) abandon() {
	f.talk.closeGate() // they leave at that
	f.first.end(f.held.TakeBack)
	if f.findLast() == nil {
		f.last.end(f.held.TakeBack)
	}
	f.first, f.last = nil, nil
}
