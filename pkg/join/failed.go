//go:build linux

package join

import (
	"errors"
	"fmt"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/exit"
	"github.com/nsjoin/docker-nsjoin/pkg/kernel"
	"github.com/nsjoin/docker-nsjoin/pkg/plan"
)

// failed is the error of a child's failure.
func (f *follower) failed(v failure) error {
	err := error(v.errno)
	if v.errno == 0 {
		err = errors.New("unknown error")
	}
	switch {
	case v.kind == messageNoFile:
		return f.lookedFor(exit.WithStatus(exit.NotFound,
			fmt.Errorf("%q %s: executable file not found in $PATH", f.plan.Command.Args[0], f.plan.Where())))
	case v.kind == messageOutside:
		return fmt.Errorf("the working directory is outside of the root of %q", f.plan.Target)
	case v.step < 0:
		return fmt.Errorf("prepare the process: %w", err)
	}
	if explain := operations[f.plan.Steps[v.step].Op].explain; explain != nil {
		if explained := explain(f, int(v.step), v.errno, err); explained != nil {
			return explained
		}
	}
	return fmt.Errorf("%s: %w", f.plan.Describe(int(v.step)), err)
}

func (f *follower) forkFailed(step int, errno unix.Errno, err error) error {
	if errno != unix.EAGAIN {
		return nil
	}
	return kernel.ForkHint(fmt.Errorf("%s: %w: %w", f.plan.Describe(step), err, errProcessLimit))
}

func (f *follower) execFailed(_ int, errno unix.Errno, err error) error {
	err = exit.WithStatus(status(errno), &NotExecutedError{f.plan.Command.Args[0], f.plan.Where(), err})
	if errno == unix.EPERM && f.plan.Identity.Container != nil {
		// If an AppArmor profile confines the caller, no_new_privs forbids each change of profile.
		err = kernel.ConfinedHint(err)
	}
	return f.lookedFor(err)
}

func (f *follower) labelFailed(step int, _ unix.Errno, err error) error {
	return fmt.Errorf("%s of %q: %w", f.plan.Describe(step), f.plan.Target, err)
}

func (f *follower) joinFailed(step int, errno unix.Errno, err error) error {
	if errno != unix.EPERM {
		return nil
	}
	return exit.Hint(kernel.Explain(fmt.Errorf("%s: %w", f.plan.Describe(step), err)),
		"the namespace belongs to a user namespace in which docker nsjoin has no rights, such as the host's for a rootless engine: "+
			"run sudo docker nsjoin …, or add --ipc private if the command doesn't need the host's IPC")
}

// noMountsHint is for namespaces whose new mounts can't be made.
const noMountsHint = "--mnt host makes no new mounts: ps and others find the host's processes in /proc"

func (f *follower) unshareFailed(step int, _ unix.Errno, err error) error {
	err = fmt.Errorf("%s: %w", f.plan.Describe(step), err)
	if slices.ContainsFunc(f.plan.Steps, func(s plan.Step) bool { return s.Op == plan.OpSlave }) {
		return exit.Hint(kernel.Explain(err), noMountsHint)
	}
	return err
}

func (f *follower) procFailed(_ int, _ unix.Errno, err error) error {
	return exit.Hint(kernel.Explain(fmt.Errorf("mount /proc of the processes of %q: %w", f.plan.Target, err)), noMountsHint)
}

func (f *follower) limitsFailed(_ int, errno unix.Errno, err error) error {
	err = kernel.Explain(fmt.Errorf("set resource limits of %q: %w", f.plan.Target, err))
	if errno == unix.EPERM {
		err = exit.Hint(err, "the caller's hard limits (ulimit -H -a) are below the container's, and CAP_SYS_RESOURCE is missing: use --via engine")
	}
	return err
}

func (f *follower) scheduleFailed(_ int, errno unix.Errno, err error) error {
	err = kernel.Explain(fmt.Errorf("schedule the command in %q: %w", f.plan.Target, err))
	if errno == unix.EPERM || errno == unix.EACCES {
		err = exit.Hint(err, "the caller has a lower priority than the container, and CAP_SYS_NICE is missing: use --via engine")
	}
	return err
}

const dirHint = "-w / runs the command in a directory that is there"

func (f *follower) insideFailed(_ int, errno unix.Errno, err error) error {
	if errno != unix.ENOENT {
		return nil
	}
	return exit.Hint(exit.WithStatus(exit.NotFound, fmt.Errorf("working directory %s %s: it was removed, or what is mounted there was: %w",
		f.plan.Identity.Dir, f.plan.Where(), err)), dirHint)
}

func (f *follower) dirFailed(_ int, errno unix.Errno, err error) error {
	err = exit.WithStatus(status(errno), fmt.Errorf("change to %s %s: %w", f.plan.Identity.Dir, f.plan.Where(), err))
	if exit.Status(err) == exit.NotFound && f.plan.Identity.DefaultDir {
		return exit.Hint(err, dirHint)
	}
	return err
}

// NotExecutedError says why the kernel did not execute the command's file.
type NotExecutedError struct {
	Command, Where string
	Err            error // the kernel's
}

func (e *NotExecutedError) Error() string {
	return fmt.Sprintf("%q %s: %v", e.Command, e.Where, e.Err)
}
func (e *NotExecutedError) Unwrap() error { return e.Err }

// lookedFor adds a hint to the error of a command that was not found: what the user may have meant, or
// where else there are programs.
func (f *follower) lookedFor(err error) error {
	switch who := f.plan.Identity.Who; {
	case f.plan.Command.NotFoundHint != "" && exit.Status(err) == exit.NotFound:
		return exit.Hint(err, "%s", f.plan.Command.NotFoundHint)
	case who == plan.Container && exit.Status(err) == exit.NotFound:
		return exit.Hint(err, "--except mnt runs the host's own programs, such as ps, lsof, strace and gdb, in the container's processes")
	}
	return err
}

// status is the exit status for a command whose execution failed with errno.
func status(errno unix.Errno) int {
	if errno == unix.ENOENT || errno == unix.ENOTDIR {
		return exit.NotFound
	}
	return exit.CannotRun
}
