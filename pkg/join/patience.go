//go:build linux

package join

import (
	"errors"
	"fmt"
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
	if !f.settled && time.Since(s.start) > patience {
		return nothing, exit.Hint(fmt.Errorf("join %q: nothing happened within %s: is it paused?", f.plan.Target, patience),
			"docker ps shows whether it is; docker unpause lets it go on")
	}
	return nothing, nil
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
