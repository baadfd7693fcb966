//go:build linux

// Package join carries a plan out: it forks a process, has it join the planned
// namespaces, checks from outside that it is in them, and has it become the
// command. It decides nothing. Only inroot.OfNamespace calls setns(2) besides it.
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

// Source is a process whose namespaces are joined.
type Source struct {
	Pidfd      *os.File // nil if setns(2) can't take it
	Namespaces map[ns.Kind]*os.File
}

// Held has the open files that a plan needs. All are opened before the first join, since the host's
// files are out of reach afterwards.
type Held struct {
	Sources map[int]Source      // by process number
	Paths   map[string]*os.File // namespaces' files, by the name of their source
	Cgroups []*os.File          // cgroup.procs of the plan's groups, in their order
	Into    *os.File            // the directory of the group of cgroup v2, or nil
	Stdio   [3]*os.File         // the command's standard streams
	// Inherited are the caller's other descriptors that the command keeps.
	Inherited []int
	// Beside, if not nil, is called once while the first child works. If it fails, the command doesn't run.
	Beside func() error
	// Unwanted tells whether nobody waits for the command any more. nil means that somebody does.
	Unwanted func() bool
	// Stuck tells why a child does not go on: it is frozen, or cause. Neither means that it is slow, as
	// does a nil Stuck.
	Stuck func(pid int) (frozen bool, cause string)
	// TakeBack moves a process out of the cgroup that freezes it. It may be nil.
	TakeBack func(pid int) error
}

// Child is the running command.
type Child struct {
	process *process
	PID     int // no other process has it until Release
	// Signal is the signal that ended it, or 0; Wait sets it.
	Signal int
}

// ErrKilled says that SIGKILL ended the command's process before it ran.
var ErrKilled = errors.New("its process was killed before the command ran")

// ErrInterrupted says that nobody waits for the command any more.
var ErrInterrupted = errors.New("interrupted before the command ran")

// Start starts the plan's command and returns once it runs. Before that it calls ready with the command's
// process and pidfd; if ready fails, the command doesn't run. If Unwanted tells so in the
// meantime, Start gives up with ErrInterrupted.
//
// The error says which step failed, and has the exit status 126 or 127 if the command could not be
// executed. No child is left after an error.
func Start(p *plan.Plan, held Held, ready func(pid int, pidfd *os.File) error) (*Child, error) {
	restoreFileLimit()
	child, err := start(p, held, false, ready)
	if errors.Is(err, errProcessLimit) {
		// The limit of processes doesn't hold for a process that is moved there. A user who debugs
		// a container that is full of processes has to get in.
		return start(p, held, true, ready)
	}
	return child, err
}

// errProcessLimit says that the cgroups' limit of processes is reached.
var errProcessLimit = errors.New("too many processes in the container")

// start is Start. moved says that the helper moves the command into its cgroups at the end; otherwise
// the command joins them at the beginning.
func start(p *plan.Plan, held Held, moved bool, ready func(pid int, pidfd *os.File) error) (*Child, error) {
	t, err := newChannel()
	if err != nil {
		return nil, err
	}
	defer t.close()
	prog, err := compile(p, held, moved, t)
	if err != nil {
		return nil, err
	}
	child, err := begin(prog)
	t.closeChildEnds()
	if err != nil {
		return nil, err
	}
	if held.Beside != nil {
		err = held.Beside()
	}
	f := &follower{plan: p, prog: prog, channel: t, held: held, onReady: ready, exe: "/proc/self/exe"}
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
	// Mostly it has ended already. If it is frozen, ending is all it has left to do.
	f.first.end(held.TakeBack)
	return &Child{process: f.last, PID: f.last.pid}, nil
}

// begin starts the first child.
func begin(prog *program) (*process, error) {
	pid, errno := fork(prog)
	runtime.KeepAlive(prog)
	prog.close()
	if errno != 0 {
		return nil, kernel.ForkHint(fmt.Errorf("fork: %w", errno))
	}
	child, err := openChild(pid)
	if err != nil {
		_ = unix.Kill(pid, unix.SIGKILL) // a child that nobody has waited for
		_, _ = unix.Wait4(pid, nil, unix.WALL|unix.WNOHANG, nil)
	}
	return child, err
}

// Wait waits for the command's end and returns its exit status as a shell does. No other process
// gets its number until Reap or Release.
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

// Reap reaps the command after Wait. Its number is free from then on, and its pid namespace can end.
func (c *Child) Reap() { _, _, _ = c.process.wait(0) }

// Release closes the command's pidfd and reaps it if it has ended.
func (c *Child) Release() { c.process.reap() }

// shellStatus is the exit status as a shell reports it.
func shellStatus(ws unix.WaitStatus) int {
	if ws.Signaled() {
		return exit.Signalled(int(ws.Signal()))
	}
	return ws.ExitStatus()
}

// restoreFileLimit restores the soft limit of open files that the process was started with. Go raises it
// at start, and only syscall.Exec knows the old value: it restores it even if it then fails, as here.
func restoreFileLimit() {
	_ = syscall.Exec("", []string{""}, nil)
}
