//go:build linux

package join

import (
	"errors"
	"fmt"
	"slices"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/exit"
	"github.com/nsjoin/docker-nsjoin/pkg/kernel"
	"github.com/nsjoin/docker-nsjoin/pkg/plan"
)

// failed says what the child could not do.
func (f *follower) failed(v verdict) error {
	command := f.plan.Command.Args[0]
	errno := error(v.errno)
	if v.errno == 0 {
		errno = errors.New("unknown error")
	}
	switch {
	case v.kind == messageNoFile:
		return f.lookedFor(exit.WithStatus(exit.NotFound, fmt.Errorf("%q %s: executable file not found in $PATH", command, f.plan.Where())))
	case v.kind == messageOutside:
		return fmt.Errorf("the working directory is outside of the root of %q", f.plan.Target)
	case v.step < 0:
		return fmt.Errorf("prepare the process: %w", errno)
	}
	switch f.plan.Steps[v.step].Op {
	case plan.OpFork:
		if v.errno == unix.EAGAIN {
			return kernel.Crowded(fmt.Errorf("%s: %w: %w", f.plan.Describe(int(v.step)), errno, errCrowded))
		}
	case plan.OpFind, plan.OpExec:
		err := exit.WithStatus(status(v.errno), &NotExecutedError{command, f.plan.Where(), errno})
		if v.errno == unix.EPERM && f.plan.Identity.Container != nil {
			// With an AppArmor profile of the caller's, no_new_privs forbids each change of profile.
			err = kernel.ConfinedHint(err)
		}
		return f.lookedFor(err)
	case plan.OpLabel:
		return fmt.Errorf("%s of %q: %w", f.plan.Describe(int(v.step)), f.plan.Target, errno)
	case plan.OpJoin:
		if v.errno == unix.EPERM {
			err := kernel.Explain(fmt.Errorf("%s: %w", f.plan.Describe(int(v.step)), errno))
			return exit.Hint(err, "it belongs to a user namespace in which we have no rights, as a rootless engine has none in its host's: "+
				"root there can join it, sudo docker nsjoin …; who doesn't need the host's IPC adds --ipc private")
		}
	case plan.OpUnshare, plan.OpSlave:
		err := fmt.Errorf("%s: %w", f.plan.Describe(int(v.step)), errno)
		if slices.ContainsFunc(f.plan.Steps, func(s plan.Step) bool { return s.Op == plan.OpSlave }) {
			return exit.Hint(kernel.Explain(err), withoutMounts)
		}
		return err
	case plan.OpProc:
		return exit.Hint(kernel.Explain(fmt.Errorf("mount /proc of the processes of %q: %w", f.plan.Target, errno)),
			withoutMounts)
	case plan.OpLimits:
		err := kernel.Explain(fmt.Errorf("set resource limits of %q: %w", f.plan.Target, errno))
		if v.errno == unix.EPERM {
			err = exit.Hint(err, "the hard limits here, ulimit -H -a, are below the container's, and CAP_SYS_RESOURCE is missing: --via engine")
		}
		return err
	case plan.OpSchedule:
		err := kernel.Explain(fmt.Errorf("schedule the command in %q: %w", f.plan.Target, errno))
		if v.errno == unix.EPERM || v.errno == unix.EACCES {
			err = exit.Hint(err, "the caller is scheduled after the container, and CAP_SYS_NICE is missing: --via engine")
		}
		return err
	case plan.OpInside:
		if v.errno == unix.ENOENT {
			return exit.Hint(exit.WithStatus(exit.NotFound, fmt.Errorf("working directory %s %s: it was removed, or what is mounted there was: %w",
				f.plan.Identity.Dir, f.plan.Where(), errno)), "-w / runs the command in a directory that is there")
		}
	case plan.OpDir, plan.OpDirAgain, plan.OpDirLast:
		return f.noDir(v.errno, errno)
	}
	return fmt.Errorf("%s: %w", f.plan.Describe(int(v.step)), errno)
}

// withoutMounts is the way out where new mounts can't be made.
const withoutMounts = "--mnt host makes no new mounts: ps and others find the host's processes in /proc"

// noDir says why the working directory can't be changed, and of one that nobody asked for that another will do.
func (f *follower) noDir(number syscall.Errno, errno error) error {
	err := exit.WithStatus(status(number), fmt.Errorf("change to %s %s: %w", f.plan.Identity.Dir, f.plan.Where(), errno))
	if exit.Status(err) == exit.NotFound && f.plan.Identity.DefaultDir {
		return exit.Hint(err, "-w / runs the command in a directory that is there")
	}
	return err
}

// NotExecutedError says that the kernel has not executed the command's file.
type NotExecutedError struct {
	Command, Where string
	Err            error // the kernel's
}

func (e *NotExecutedError) Error() string {
	return fmt.Sprintf("%q %s: %v", e.Command, e.Where, e.Err)
}
func (e *NotExecutedError) Unwrap() error { return e.Err }

// lookedFor adds to why the command can't be run what was meant, or where else there are
// programs, if a container hasn't got it.
func (f *follower) lookedFor(err error) error {
	switch who := f.plan.Identity.Who; {
	case f.plan.Command.NotFoundHint != "" && exit.Status(err) == exit.NotFound:
		return exit.Hint(err, "%s", f.plan.Command.NotFoundHint)
	case who == plan.Container && exit.Status(err) == exit.NotFound:
		return exit.Hint(err, "--except mnt runs the host's own programs, such as ps, lsof, strace and gdb, in the container's processes")
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
