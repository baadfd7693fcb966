//go:build linux

// Package join carries a plan out: it forks a process, has it join the planned
// namespaces, checks from outside that it is in them, and has it become the
// command. It decides nothing. It is the only caller of setns(2).
package join

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/exit"
	"github.com/nsjoin/docker-nsjoin/pkg/kernel"
	"github.com/nsjoin/docker-nsjoin/pkg/ns"
	"github.com/nsjoin/docker-nsjoin/pkg/plan"
)

// Source is a process that gives namespaces, held open.
type Source struct {
	Pidfd      *os.File
	Namespaces map[ns.Kind]*os.File
}

// Held has what a plan needs open: everything is opened before the first join,
// since the host's files are out of reach afterwards.
type Held struct {
	Sources map[int]Source      // by process number
	Paths   map[string]*os.File // namespaces' files, by the name of their source
	Cgroups []*os.File          // of the plan's groups, in their order; who writes his pid there joins
	Into    *os.File            // the directory of the group of cgroup v2, or nil
	Stdio   [3]*os.File         // the command's standard streams
	// Unwanted tells whether nobody waits for the command any more; nil never does.
	Unwanted func() bool
	// TakeBack takes a process out of the cgroup that freezes it, or is nil.
	TakeBack func(pid int) error
}

// Child is the command that runs.
type Child struct {
	PID int
	// Signal is the one that ended it, or 0; Wait sets it.
	Signal int
}

// ErrInterrupted says that nobody waited for the command any more.
var ErrInterrupted = errors.New("interrupted before the command ran")

// Start runs the plan's command and returns when it was executed. ready is
// called with its process number before it runs; an error of it stops it. One that
// nobody waits for any more is given up with ErrInterrupted.
//
// Its error says at which step it failed, and has the exit status 126 or 127
// where the command could not be executed. Nothing is left of the child then.
func Start(p *plan.Plan, held Held, ready func(pid int) error) (*Child, error) {
	restoreFileLimit()
	child, err := start(p, held, false, ready)
	if errors.Is(err, errCrowded) {
		// To be moved there is not held against the limit, and who wants to see
		// what happens in a container that is full of processes has to get in.
		return start(p, held, true, ready)
	}
	return child, err
}

// errCrowded says that the cgroups' limit of processes is reached.
var errCrowded = errors.New("too many processes in the container")

// start is Start. moved says that the helper puts the command into its cgroups in
// the end, instead of that it joins them at the beginning.
func start(p *plan.Plan, held Held, moved bool, ready func(pid int) error) (*Child, error) {
	status, statusEnd, err := pipe()
	if err != nil {
		return nil, err
	}
	defer status.Close()
	gateEnd, gate, err := pipe()
	if err != nil {
		return nil, err
	}
	defer gate.Close()
	prog, err := compile(p, held, moved, statusEnd, gateEnd)
	if err != nil {
		return nil, err
	}
	pid, errno := fork(prog)
	runtime.KeepAlive(prog)
	statusEnd.Close()
	gateEnd.Close()
	if errno != 0 {
		return nil, kernel.Crowded(fmt.Errorf("fork: %w", errno))
	}
	f := &follower{plan: p, gate: gate, pid: pid, onReady: ready}
	if moved {
		f.cgroups = held.Cgroups
	}
	f.last = !slices.ContainsFunc(p.Steps, func(s plan.Step) bool { return s.Op == plan.OpFork })
	f.wait = func() error { return f.await(status, held.Unwanted) }
	if err := f.follow(status); err != nil {
		gate.Close() // the child leaves at that
		f.abandon(held.TakeBack)
		return nil, err
	}
	return &Child{PID: f.pid}, nil
}

// Wait waits for the command's end and returns its exit status, as a shell has
// it. Status changes other than an end are waited through.
func (c *Child) Wait() (int, error) {
	var ws unix.WaitStatus
	for {
		_, err := unix.Wait4(c.PID, &ws, unix.WALL, nil)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return exit.Failed, fmt.Errorf("wait for the command: %w", err)
		}
		if ws.Signaled() {
			c.Signal = int(ws.Signal())
			return exit.Signalled(c.Signal), nil
		}
		return ws.ExitStatus(), nil
	}
}

// pipe makes a pipe with both ends above those that the child uses.
func pipe() (r, w *os.File, err error) {
	var fds [2]int
	if err := unix.Pipe2(fds[:], unix.O_CLOEXEC); err != nil {
		return nil, nil, fmt.Errorf("pipe: %w", err)
	}
	for i, fd := range fds {
		above, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, abovePlain)
		if err != nil {
			return nil, nil, fmt.Errorf("pipe: %w", err)
		}
		unix.Close(fd)
		fds[i] = above
	}
	return os.NewFile(uintptr(fds[0]), "pipe"), os.NewFile(uintptr(fds[1]), "pipe"), nil
}

// restoreFileLimit gives back the soft limit of open files that the process
// was started with. Go raises it at its start, and only syscall.Exec knows what
// it was: it restores it, even when it then fails, as it does here.
func restoreFileLimit() {
	_ = syscall.Exec("", []string{""}, nil)
}

// follower follows a child by its messages until it executes the command.
type follower struct {
	plan *plan.Plan
	gate io.Writer
	pid  int
	// cgroups are those that the helper puts the command into.
	cgroups []*os.File
	// wait waits for the next message, or is nil.
	wait func() error
	// onReady is called before the gate opens.
	onReady func(pid int) error
	// The last child, which may be the child's own, waits at the gate. What
	// they write isn't ordered: it may be ready before its parent has named it.
	last, ready bool
	settled     bool
}

func (f *follower) follow(status io.Reader) error {
	for {
		if f.wait != nil {
			if err := f.wait(); err != nil {
				return err
			}
		}
		m, err := receive(status)
		if errors.Is(err, io.EOF) {
			if f.settled {
				return nil // the pipe was closed by the exec
			}
			return f.died()
		}
		if err != nil {
			return fmt.Errorf("read from the child: %w", err)
		}
		if err := f.handle(m); err != nil {
			return err
		}
	}
}

func (f *follower) handle(m message) error {
	switch m.Kind {
	case messageForked:
		f.reap() // the one in between
		f.pid, f.last = int(m.Value), true
	case messageReady:
		f.ready = true
	case messageMap:
		return f.answer(mapIDs(f.pid))
	default:
		return f.failed(m)
	}
	if !f.last || !f.ready {
		return nil
	}
	if err := settle(f.pid, f.plan, f.cgroups); err != nil {
		return err
	}
	if err := f.onReady(f.pid); err != nil {
		return err
	}
	f.settled = true
	return f.answer(nil)
}

// answer lets the child go on, if nothing failed.
func (f *follower) answer(err error) error {
	if err == nil {
		_, err = f.gate.Write([]byte{1})
	}
	return err
}

// failed says what the child could not do.
func (f *follower) failed(m message) error {
	command := f.plan.Command.Args[0]
	errno := syscall.Errno(m.Value)
	switch {
	case m.Kind == messageNoFile:
		return f.lookedFor(exit.With(exit.NotFound, fmt.Errorf("%q in %s: executable file not found in $PATH", command, f.plan.Target)))
	case m.Kind == messageOutside:
		return fmt.Errorf("the working directory is outside of the root of %q", f.plan.Target)
	case m.Step < 0:
		return fmt.Errorf("prepare the process: %w", errno)
	}
	switch f.plan.Steps[m.Step].Op {
	case plan.OpFork:
		if errno == unix.EAGAIN {
			return kernel.Crowded(fmt.Errorf("%s: %w: %w", f.plan.Describe(int(m.Step)), errno, errCrowded))
		}
	case plan.OpFind, plan.OpExec:
		return f.lookedFor(exit.With(status(errno), fmt.Errorf("%q in %s: %w", command, f.plan.Target, errno)))
	case plan.OpJoin:
		if errno == unix.EPERM {
			err := kernel.Explain(fmt.Errorf("%s: %w", f.plan.Describe(int(m.Step)), errno))
			return exit.Hint(err, "it belongs to a user namespace in which we have no rights, as a rootless engine has none in its host's: "+
				"root there can join it, sudo docker nsjoin …; who doesn't need the host's IPC adds --ipc private")
		}
	case plan.OpLimits:
		err := kernel.Explain(fmt.Errorf("set resource limits of %q: %w", f.plan.Target, errno))
		if errno == unix.EPERM {
			err = exit.Hint(err, "the hard limits here, ulimit -H -a, are below the container's, and CAP_SYS_RESOURCE is missing")
		}
		return err
	case plan.OpDir, plan.OpDirAgain:
		return exit.With(status(errno), fmt.Errorf("change to %s in %s: %w", f.plan.Identity.Dir, f.plan.Target, errno))
	}
	return fmt.Errorf("%s: %w", f.plan.Describe(int(m.Step)), errno)
}

// lookedFor adds to why the command can't be run where it was looked for, if that may not
// be the caller's machine, and where else there are programs, if a container hasn't got it.
func (f *follower) lookedFor(err error) error {
	switch who := f.plan.Identity.Who; {
	case who == plan.HostRoot:
		return exit.Hint(err, "it was looked for on the engine's host")
	case who == plan.Container && exit.Status(err) == exit.NotFound:
		return exit.Hint(err, "--except mnt runs the host's own programs beside the container's processes")
	}
	return err
}

// status is that of a command which could not be executed for errno.
func status(errno syscall.Errno) int {
	if errno == unix.ENOENT || errno == unix.ENOTDIR {
		return exit.NotFound
	}
	return exit.CannotRun
}

// died says what became of a child that left without a word.
func (f *follower) died() error {
	status, err := (&Child{PID: f.pid}).Wait()
	if err != nil {
		return err
	}
	f.pid = 0
	return fmt.Errorf("the joining process ended with status %d before the command ran", status)
}

// reap waits for the child that f follows.
func (f *follower) reap() {
	if f.pid > 0 {
		_, _ = (&Child{PID: f.pid}).Wait()
	}
	f.pid = 0
}
