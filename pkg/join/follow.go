//go:build linux

package join

import (
	"fmt"
	"os"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/ns"
	"github.com/nsjoin/docker-nsjoin/pkg/plan"
)

// follower follows the children until one executes the command.
type follower struct {
	plan    *plan.Plan
	prog    *program
	channel *channel
	held    Held
	// cgroups are those that the helper moves the command into.
	cgroups []*os.File
	// onReady is called before the helper releases the command's process.
	onReady func(pid int, pidfd *os.File) error
	exe     string // the program that the children run until the command

	first   *process // outside of the container's pid namespace; nil once it has ended
	last    *process // the one that becomes the command; nil before it is known
	mapped  bool     // the IDs of a new user namespace are mapped
	settled bool     // the helper has released the last child
	taken   bool     // the child's socket was taken
}

// event is what the helper waits for.
type event uint8

const (
	noEvent      event = iota // within the time
	byteReceived              // on the notify pipe
	pipeClosed                // by all its writers, or the last child has ended
	firstEnded                // the first child has ended
)

// follow returns once the command runs, or has ended already.
func (f *follower) follow() error {
	for w := (&waiting{start: time.Now()}); ; {
		what, err := f.await(w)
		if err != nil {
			return err
		}
		done := false
		switch what {
		case byteReceived:
			err = f.received()
		case firstEnded:
			err = f.firstEnded()
		case pipeClosed:
			if done = f.settled && f.held.take == nil; !done {
				err = f.ended()
			}
		case noEvent:
			done = f.settled && f.held.take == nil && f.executed()
		}
		if done || f.taken || err != nil {
			return err
		}
	}
}

// received handles a byte on the notify pipe. In this order, the bytes mean: map the IDs, the last child
// is ready, the last child has failed.
func (f *follower) received() error {
	switch {
	case f.settled && f.held.take != nil:
		f.taken = true
		return f.held.take(f.plan, f.last)
	case f.settled:
		return f.ended()
	case !f.mapped && f.plan.Made().Has(ns.User) && atomic.LoadUint32(&f.channel.report.kind) == messageMap:
		f.mapped = true
		atomic.StoreUint32(&f.channel.report.kind, 0)
		child := f.first
		if child == nil {
			child = f.last
		}
		if err := mapIDs(child); err != nil {
			return err
		}
		return f.channel.resume()
	}
	if err := f.findLast(); err != nil {
		return err
	}
	if f.last == nil {
		return fmt.Errorf("join %q: the child is ready before it has forked", f.plan.Target)
	}
	if err := settle(f.last, f.plan, &f.held, f.cgroups); err != nil {
		return err
	}
	if err := f.onReady(f.last.pid, f.last.pidfd); err != nil {
		return err
	}
	f.settled = true
	return f.channel.resume()
}

// findLast opens the last child, once the first one has forked it.
func (f *follower) findLast() (err error) {
	if number := atomic.LoadInt32(&f.channel.report.child); f.last == nil && number != 0 {
		f.last, err = openChild(int(number))
	}
	return err
}

// firstEnded handles the end of the first child: it has forked, or something failed.
func (f *follower) firstEnded() error {
	if err := f.findLast(); err != nil {
		return err
	}
	if f.last == nil {
		return f.ended()
	}
	f.first.reap()
	f.first = nil
	return nil
}

// ended returns the error of a child that doesn't become the command: from the first one's report, or from
// the exit status of the last one.
func (f *follower) ended() error {
	if err := f.findLast(); err != nil {
		return err
	}
	child := f.last
	if child == nil {
		child = f.first
	}
	if !child.ends(grace) {
		return fmt.Errorf("join %q: the child neither reports nor ends", f.plan.Target)
	}
	w := f.channel.report
	v := failure{atomic.LoadUint32(&w.kind), atomic.LoadInt32(&w.step), syscall.Errno(atomic.LoadUint32(&w.errno))}
	if v.kind != 0 && v.step >= -1 && int(v.step) < len(f.plan.Steps) {
		return f.failed(v)
	}
	ws, err := child.status()
	if err != nil {
		return fmt.Errorf("wait for the child: %w", err)
	}
	if v, ok := f.prog.failureOf(ws.ExitStatus()); ok {
		return f.failed(v)
	}
	if ws.Signaled() && ws.Signal() == unix.SIGKILL {
		return fmt.Errorf("join %q: %w", f.plan.Target, ErrKilled)
	}
	if ws.Signaled() && ws.Signal() == unix.SIGSYS {
		if f.held.take != nil {
			return fmt.Errorf("%s in %q: the container's seccomp filter has killed the process", f.plan.Describe(len(f.plan.Steps)-1), f.plan.Target)
		}
		return fmt.Errorf("join %q: a seccomp filter has killed the process before the command ran", f.plan.Target)
	}
	return fmt.Errorf("join %q: the process ended with status %d before the command ran", f.plan.Target, shellStatus(ws))
}

// executed reports whether the last child runs a program other than ours. It is needed because the notify
// pipe may stay open: a process of the container may have opened it, too.
func (f *follower) executed() bool {
	dir, err := f.last.proc()
	if err != nil {
		return false
	}
	defer dir.Close()
	var ours, theirs unix.Stat_t
	if unix.Stat(f.exe, &ours) != nil || unix.Fstatat(int(dir.Fd()), "exe", &theirs, 0) != nil {
		return false
	}
	return ours.Dev != theirs.Dev || ours.Ino != theirs.Ino
}
