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
	plan *plan.Plan
	prog *program
	talk *talk
	held Held
	// cgroups are those that the helper puts the command into.
	cgroups []*os.File
	// onReady is called before the gate opens.
	onReady func(pid int, pidfd *os.File) error
	exe     string // the program that the children run until the command

	first   *process // outside of the container's pid namespace; nil once it has ended
	last    *process // the one that becomes the command; nil before it is known
	mapped  bool     // the ids of a new user namespace
	settled bool     // the gate is open
}

// happening is what the helper waits for.
type happening uint8

const (
	nothing happening = iota // for some time
	said                     // a byte has come
	silent                   // nobody has the pipe any more, or the last child has ended
	firstEnded
)

// follow returns when the command was executed, or has ended already.
func (f *follower) follow() error {
	for s := (&since{start: time.Now()}); ; {
		what, err := f.await(s)
		if err != nil {
			return err
		}
		done := false
		switch what {
		case said:
			err = f.said()
		case firstEnded:
			err = f.firstEnded()
		case silent:
			if done = f.settled; !done {
				err = f.ended()
			}
		case nothing:
			done = f.settled && f.executed()
		}
		if done || err != nil {
			return err
		}
	}
}

// said is what a byte means: at first that ids are to be mapped, then that the last child
// waits, then that it failed.
func (f *follower) said() error {
	switch {
	case f.settled:
		return f.ended()
	case !f.mapped && f.plan.Made().Has(ns.User) && atomic.LoadUint32(&f.talk.word.kind) == messageMap:
		f.mapped = true
		atomic.StoreUint32(&f.talk.word.kind, 0)
		child := f.first
		if child == nil {
			child = f.last
		}
		if err := mapIDs(child); err != nil {
			return err
		}
		return f.talk.letGo()
	}
	if err := f.findLast(); err != nil {
		return err
	}
	if f.last == nil {
		return fmt.Errorf("join %q: the child is ready before it has forked", f.plan.Target)
	}
	if err := settle(f.last, f.plan, f.cgroups); err != nil {
		return err
	}
	if err := f.onReady(f.last.pid, f.last.pidfd); err != nil {
		return err
	}
	f.settled = true
	return f.talk.letGo()
}

// findLast holds the last child, once the first one has made it.
func (f *follower) findLast() (err error) {
	if number := atomic.LoadInt32(&f.talk.word.child); f.last == nil && number != 0 {
		f.last, err = hold(int(number))
	}
	return err
}

// firstEnded is the end of the first child: it has forked, or something failed.
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

// ended is why a child doesn't become the command: the first one's word, or what the exit
// status of the last one says.
func (f *follower) ended() error {
	if err := f.findLast(); err != nil {
		return err
	}
	child := f.last
	if child == nil {
		child = f.first
	}
	if !child.ends(moment) {
		return fmt.Errorf("join %q: the child says no more and does not end", f.plan.Target)
	}
	w := f.talk.word
	v := verdict{atomic.LoadUint32(&w.kind), atomic.LoadInt32(&w.step), syscall.Errno(atomic.LoadUint32(&w.errno))}
	if v.kind != 0 && v.step >= -1 && int(v.step) < len(f.plan.Steps) {
		return f.failed(v)
	}
	ws, err := child.status()
	if err != nil {
		return fmt.Errorf("wait for the child: %w", err)
	}
	if v, ok := f.prog.sentence(ws.ExitStatus()); ok {
		return f.failed(v)
	}
	if ws.Signaled() && ws.Signal() == unix.SIGKILL {
		return fmt.Errorf("join %q: %w", f.plan.Target, ErrKilled)
	}
	if ws.Signaled() && ws.Signal() == unix.SIGSYS {
		return fmt.Errorf("join %q: a seccomp filter has killed the process before the command ran", f.plan.Target)
	}
	return fmt.Errorf("the joining process ended with status %d before the command ran", shellStatus(ws))
}

// executed tells whether the last child runs another program than ours. It is asked where
// the pipe stays open, which a process of the container may have opened, too.
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
