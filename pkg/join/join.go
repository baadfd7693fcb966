//go:build linux

// Package join carries a plan out: it forks a process, has it join the planned
// namespaces, checks from outside that it is in them, and has it become the
// command. It decides nothing. Apart from it, only package inroot calls setns(2).
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

// Held holds the open files that a plan needs. All are opened before the first join, since the host's
// files are out of reach afterwards.
type Held struct {
	Sources map[int]Source      // by process number
	Paths   map[string]*os.File // namespaces' files, by the name of their source
	Cgroups []*os.File          // cgroup.procs of the plan's groups, in their order; nil for one that is left out
	Into    *os.File            // the directory of the group of cgroup v2, or nil
	Stdio   [3]*os.File         // the command's standard streams
	View    *os.File            // the mount of the plan's view, which package view makes, or nil
	Clone   *os.File            // the mounts of the view's Clone, which package view makes, or nil
	Mount   *HeldMount          // the files of the plan's mount, or nil
	// Inherited are the caller's other descriptors that the command keeps.
	Inherited []int
	// Meanwhile, if not nil, is called once while the first child works. If it fails, the command doesn't run.
	Meanwhile func() error
	// Unwanted reports whether the command is no longer wanted, for example because its caller is gone. If
	// it is nil, the command is wanted.
	Unwanted func() bool
	// Stuck returns why a child does not go on: it is frozen, or cause. If neither is set, or if Stuck is nil,
	// the child is slow.
	Stuck func(pid int) (frozen bool, cause string)
	// Asks reports whether a child waits for the server of a file system. It may be nil.
	Asks func(pid int) bool
	// TakeBack moves a process out of the cgroup that freezes it. It may be nil.
	TakeBack func(pid int) error

	// take, if not nil, is called when the child holds the socket of a plan for a UNIX socket.
	take func(p *plan.Plan, child *process) error
}

// Child is the running command.
type Child struct {
	process *process
	PID     int // not reused before Release
	// Signal is the signal that ended it, or 0; Wait sets it.
	Signal int
}

// ErrKilled says that SIGKILL ended the command's process before it ran.
var ErrKilled = errors.New("the process was killed before the command ran")

// ErrInterrupted says that Held.Unwanted returned true before the command ran.
var ErrInterrupted = errors.New("interrupted before the command ran")

// Start starts the plan's command and returns once it runs. Before that it calls ready with the command's
// process and pidfd; if ready fails, the command doesn't run. If held.Unwanted returns true in the
// meantime, Start gives up with ErrInterrupted.
//
// The error says which step failed, and has the exit status 126 or 127 if the command could not be
// executed. No child is left after an error.
func Start(p *plan.Plan, held Held, ready func(pid int, pidfd *os.File) error) (*Child, error) {
	restoreFileLimit()
	child, err := start(p, held, false, ready)
	if errors.Is(err, errProcessLimit) {
		// The limit of processes doesn't apply to a process that is moved into the cgroup. A user must be able to
		// debug a container that is full of processes.
		return start(p, held, true, ready)
	}
	return child, err
}

// errProcessLimit says that the cgroups' limit of processes is reached.
var errProcessLimit = errors.New("too many processes in the container")

// start does what Start documents. moved says that the helper moves the command into its cgroups at the
// end; otherwise the command joins them at the beginning.
func start(p *plan.Plan, held Held, moved bool, ready func(pid int, pidfd *os.File) error) (*Child, error) {
	t, err := newChannel()
	if err != nil {
		return nil, err
	}
	defer t.close()
	return startOn(t, p, held, moved, ready)
}

// startOn does what start does, with a channel that the caller closes.
func startOn(t *channel, p *plan.Plan, held Held, moved bool, ready func(pid int, pidfd *os.File) error) (*Child, error) {
	prog, err := compile(p, held, moved, t)
	if err != nil {
		return nil, err
	}
	child, err := begin(prog)
	t.closeChildEnds()
	if err != nil {
		return nil, err
	}
	if held.Meanwhile != nil {
		err = held.Meanwhile()
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
	// The first child has usually ended. If it is frozen, all that it has left to do is to exit.
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
		_ = unix.Kill(pid, unix.SIGKILL) // a child that has not been waited for, so its pid is not reused
		_, _ = unix.Wait4(pid, nil, unix.WALL|unix.WNOHANG, nil)
	}
	return child, err
}

// Wait waits for the command's end and returns its exit status as a shell does. Its number is not
// reused before Reap or Release.
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

// shellStatus returns the exit status as a shell reports it.
func shellStatus(ws unix.WaitStatus) int {
	if ws.Signaled() {
		return exit.Signalled(int(ws.Signal()))
	}
	return ws.ExitStatus()
}

// restoreFileLimit restores the soft limit of open files that the process was started with. Go raises the
// limit at start, and only syscall.Exec knows the old value: it restores it even if the exec then fails, as here.
func restoreFileLimit() {
	_ = syscall.Exec("", []string{""}, nil)
}
