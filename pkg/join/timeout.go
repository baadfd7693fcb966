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

// A child is usually ready within a millisecond. One that is frozen with the cgroup that it joined
// never is.
const (
	stuckTimeout = 10 * time.Second // for a child that a process of the container has stopped or traces
	slowTimeout  = 2 * time.Minute  // for a child whose cgroup has no processor time or memory left
	// grace is for a child whose command is no longer wanted. Usually the command is about to run, and
	// then handles the signal itself.
	grace = time.Second
)

// waiting is how long the helper has waited for the child.
type waiting struct {
	start    time.Time
	unwanted time.Time // since when the command is unwanted; zero while it is wanted
}

// await waits for an event. It fails if the command is no longer wanted or the child is stuck.
// After the helper has settled, a file system has longer to answer: the command's file may be on a slow one.
func (f *follower) await(w *waiting) (event, error) {
	what, err := f.poll(grace / 5)
	switch {
	case err != nil:
		return noEvent, fmt.Errorf("wait for the child: %w", err)
	case what != noEvent:
		return what, nil
	case f.held.Unwanted == nil || !f.held.Unwanted():
		w.unwanted = time.Time{}
	case w.unwanted.IsZero():
		w.unwanted = time.Now()
	case time.Since(w.unwanted) > grace:
		return noEvent, ErrInterrupted
	}
	waited := time.Since(w.start)
	if !f.settled {
		return noEvent, f.stuck(waited)
	}
	if waited > slowTimeout && f.held.Asks != nil && f.held.Asks(f.last.pid) {
		return noEvent, f.silent()
	}
	return noEvent, nil
}

func (f *follower) silent() error {
	return fmt.Errorf("join %q: the file system does not answer", f.plan.Target)
}

// stuck returns the error of a child that is not ready in time; nil if there is time left.
func (f *follower) stuck(waited time.Duration) error {
	child := f.last
	if child == nil {
		child = f.first
	}
	var frozen bool
	var cause string
	if f.held.Stuck != nil && waited > grace/2 {
		frozen, cause = f.held.Stuck(child.pid)
	}
	switch {
	case frozen:
		return exit.Hint(fmt.Errorf("join %q: its cgroup is frozen", f.plan.Target), "%s", plan.FrozenHint)
	case waited > stuckTimeout && f.held.Asks != nil && f.held.Asks(child.pid):
		return f.silent()
	case cause != "" && waited > stuckTimeout:
		return fmt.Errorf("join %q: the command's process is stuck: %s", f.plan.Target, cause)
	case waited > slowTimeout:
		return exit.Hint(fmt.Errorf("join %q: nothing happened within %s", f.plan.Target, slowTimeout),
			"the container may have reached its limit of CPU time or memory: docker stats shows its usage, docker update raises its limits")
	}
	return nil
}

// poll waits for the next event, no longer than limit. A byte comes before the end of the child that
// sent it.
func (f *follower) poll(limit time.Duration) (event, error) {
	fds := []unix.PollFd{{Fd: int32(f.channel.notify), Events: unix.POLLIN}, {Fd: -1}, {Fd: -1}}
	for i, p := range []*process{f.last, f.first} {
		if p != nil {
			fds[i+1] = unix.PollFd{Fd: int32(p.pidfd.Fd()), Events: unix.POLLIN}
		}
	}
	_, err := unix.Poll(fds, int(limit.Milliseconds()))
	switch {
	case errors.Is(err, unix.EINTR):
		return noEvent, nil
	case err != nil:
		return noEvent, err
	case fds[0].Revents&unix.POLLIN != 0 && f.channel.readByte():
		return byteReceived, nil
	case fds[2].Revents != 0:
		return firstEnded, nil
	case fds[0].Revents&unix.POLLHUP != 0, fds[1].Revents != 0:
		return pipeClosed, nil
	}
	return noEvent, nil
}

// abandon ends the children, whatever they do.
func (f *follower) abandon() {
	f.channel.closeSync() // a waiting child exits
	f.first.end(f.held.TakeBack)
	if f.findLast() == nil {
		f.last.end(f.held.TakeBack)
	}
	f.first, f.last = nil, nil
}
