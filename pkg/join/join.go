//go:build linux

// Package join carries a plan out: it forks a process, has it join the planned
// namespaces, checks from outside that it is in them, and has it become the
// command. It decides nothing. It is the only caller of setns(2), but
// for inroot.OfNamespace.
package join

import (
	"errors"
	"fmt"
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
	Pidfd      *os.File // nil where setns(2) can't take it
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
	// Inherited are the caller's other descriptors that the command keeps.
	Inherited []int
	// Beside, if not nil, is called once while the first child works. An error of it gives the command up.
	Beside func() error
	// Unwanted tells whether nobody waits for the command any more; nil never does.
	Unwanted func() bool
	// Stuck tells why a child does not go on: it is frozen, or cause; neither if it is only
	// slow. nil takes it for slow.
	Stuck func(pid int) (frozen bool, cause string)
	// TakeBack takes a process out of the cgroup that freezes it, or is nil.
	TakeBack func(pid int) error
}

// Child is the command that runs.
type Child struct {
	process *process
	PID     int // its own until Release
	// Signal is the one that ended it, or 0; Wait sets it.
	Signal int
}

// ErrKilled says that SIGKILL ended the command's process before it ran.
var ErrKilled = errors.New("its process was killed before the command ran")

// ErrInterrupted says that nobody waited for the command any more.
var ErrInterrupted = errors.New("interrupted before the command ran")

// Start runs the plan's command and returns when it was executed. ready is
// called with its process before that runs; an error of it stops it. pidfd is the
// child's. A command that nobody waits for any more is given up with ErrInterrupted.
//
// Its error says at which step it failed, and has the exit status 126 or 127
// where the command could not be executed. Nothing is left of the child then.
func Start(p *plan.Plan, held Held, ready func(pid int, pidfd *os.File) error) (*Child, error) {
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
func start(p *plan.Plan, held Held, moved bool, ready func(pid int, pidfd *os.File) error) (*Child, error) {
	t, err := newTalk()
	if err != nil {
		return nil, err
	}
	defer t.close()
	prog, err := compile(p, held, moved, t)
	if err != nil {
		return nil, err
	}
	child, err := begin(prog)
	t.closeTheirs()
	if err != nil {
		return nil, err
	}
	if held.Beside != nil {
		err = held.Beside()
	}
	f := &follower{plan: p, prog: prog, talk: t, held: held, onReady: ready, exe: "/proc/self/exe"}
	if moved {
		f.cgroups = held.Cgroups
	}
	if slices.ContainsFunc(p.Steps, func(s plan.Step) bool { return s.Op == plan.OpFork }) {
		f.first = child
	} else {
		f.last = child
	}
	if err == nil {
		err = f.follow()
	}
	if err != nil {
		f.abandon()
		return nil, err
	}
	// Mostly it has ended long ago. Frozen it can do no more than to end.
	f.first.end(held.TakeBack)
	return &Child{process: f.last, PID: f.last.pid}, nil
}

// begin starts the first child.
func begin(prog *program) (*process, error) {
	pid, errno := fork(prog)
	runtime.KeepAlive(prog)
	prog.close()
	if errno != 0 {
		return nil, kernel.Crowded(fmt.Errorf("fork: %w", errno))
	}
	child, err := hold(pid)
	if err != nil {
		_ = unix.Kill(pid, unix.SIGKILL) // which is what fork gave, and nobody has waited for
		_, _ = unix.Wait4(pid, nil, unix.WALL|unix.WNOHANG, nil)
	}
	return child, err
}

// Wait waits for the command's end and returns its exit status, as a shell has
// it. Its process number stays its own until Reap or Release.
func (c *Child) Wait() (int, error) {
	ws, err := c.process.status()
	if err != nil {
		return exit.Failed, fmt.Errorf("wait for the command: %w", err)
	}
	if ws.Signaled() {
		c.Signal = int(ws.Signal())
	}
	return shellStatus(ws), nil
}

// Reap takes notice of the command's end, which Wait has told: its number is free from then on, and its
// pid namespace can end.
func (c *Child) Reap() { _, _, _ = c.process.wait(0) }

// Release lets go of the command; where it has ended, its number is free from then on.
func (c *Child) Release() { c.process.reap() }

// shellStatus is an exit status as a shell has it.
func shellStatus(ws unix.WaitStatus) int {
	if ws.Signaled() {
		return exit.Signalled(int(ws.Signal()))
	}
	return ws.ExitStatus()
}

// restoreFileLimit gives back the soft limit of open files that the process
// was started with. Go raises it at its start, and only syscall.Exec knows what
// it was: it restores it, even when it then fails, as it does here.
func restoreFileLimit() {
	_ = syscall.Exec("", []string{""}, nil)
}
