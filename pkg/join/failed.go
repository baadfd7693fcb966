//go:build linux

package join

import (
	"errors"
	"fmt"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/exit"
	"github.com/nsjoin/docker-nsjoin/pkg/kernel"
	"github.com/nsjoin/docker-nsjoin/pkg/ns"
	"github.com/nsjoin/docker-nsjoin/pkg/plan"
)

// failed returns the error of a child's failure.
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
		return exit.Hint(fmt.Errorf("the working directory is outside the root directory of %q", f.plan.Target), dirHint)
	case v.step < 0:
		return fmt.Errorf("join %q: prepare the process: %w", f.plan.Target, err)
	}
	if explain := operations[f.plan.Steps[v.step].Op].explain; explain != nil {
		if explained := explain(f, int(v.step), v.errno, err); explained != nil {
			return explained
		}
	}
	return f.stepFailed(int(v.step), err)
}

// stepFailed is the error of a step whose description does not name the container.
func (f *follower) stepFailed(step int, err error) error {
	return fmt.Errorf("join %q: %s: %w", f.plan.Target, f.plan.Describe(step), err)
}

func (f *follower) forkFailed(step int, errno unix.Errno, err error) error {
	if errno != unix.EAGAIN {
		return nil
	}
	return kernel.ForkHint(f.stepFailed(step, fmt.Errorf("%w: %w", err, errProcessLimit)))
}

func (f *follower) execFailed(_ int, errno unix.Errno, err error) error {
	err = exit.WithStatus(status(errno), &NotExecutedError{f.plan.Command.Args[0], f.plan.Where(), err})
	if errno == unix.EPERM && f.plan.Identity.Container != nil {
		// If an AppArmor profile confines the caller, no_new_privs forbids each change of profile.
		err = kernel.ConfinedHint(err)
	}
	if v := f.plan.View; errno == unix.EACCES && v != nil && v.NoExec {
		return exit.Hint(err, "with --profile %s only the tools in %s run; --trust-container allows the container's programs too",
			f.plan.Identity.Container.Profile, v.Bin)
	}
	return f.lookedFor(err)
}

const noRightsHint = "the namespace belongs to a user namespace in which docker nsjoin has no rights, such as the host's " +
	"if the engine is rootless: run sudo docker nsjoin …"

func (f *follower) joinFailed(step int, errno unix.Errno, err error) error {
	if errno != unix.EPERM {
		return nil
	}
	err = kernel.Explain(fmt.Errorf("%s: %w", f.plan.Describe(step), err))
	if f.plan.Steps[step].Kinds.Has(ns.IPC) {
		return exit.Hint(err, noRightsHint+", or add --ipc private if the command does not need this IPC namespace")
	}
	return exit.Hint(err, noRightsHint)
}

// noMountsHint is for namespaces whose new mounts can't be made.
const noMountsHint = "--mnt host avoids new mounts; /proc, and so ps, then shows the host's processes"

func (f *follower) unshareFailed(step int, _ unix.Errno, err error) error {
	err = f.stepFailed(step, err)
	if f.plan.Names != nil {
		return f.namesFailed(step, 0, err)
	}
	if slices.ContainsFunc(f.plan.Steps, func(s plan.Step) bool { return s.Op == plan.OpSlave }) {
		return exit.Hint(kernel.Explain(err), noMountsHint)
	}
	return err
}

func (f *follower) procFailed(_ int, _ unix.Errno, err error) error {
	return exit.Hint(kernel.Explain(fmt.Errorf("join %q: mount a /proc of the command's pid namespace: %w", f.plan.Target, err)), noMountsHint)
}

func (f *follower) namesFailed(step int, _ unix.Errno, err error) error {
	return exit.Hint(kernel.Explain(f.stepFailed(step, err)), "--names host changes nothing but the namespaces")
}

func (f *follower) limitsFailed(_ int, errno unix.Errno, err error) error {
	err = kernel.Explain(fmt.Errorf("set resource limits of %q: %w", f.plan.Target, err))
	if errno == unix.EPERM {
		err = exit.Hint(err, "the caller's hard limits (ulimit -H -a) are lower than the container's, and CAP_SYS_RESOURCE is missing: use --via engine")
	}
	return err
}

func (f *follower) scheduleFailed(_ int, errno unix.Errno, err error) error {
	err = kernel.Explain(fmt.Errorf("set the scheduling of the command in %q: %w", f.plan.Target, err))
	if errno == unix.EPERM || errno == unix.EACCES {
		err = exit.Hint(err, "the caller has a lower priority than the container, and CAP_SYS_NICE is missing: use --via engine")
	}
	return err
}

const dirHint = "-w / runs the command in the root directory"

func (f *follower) insideFailed(_ int, errno unix.Errno, err error) error {
	if errno != unix.ENOENT {
		return nil
	}
	return exit.Hint(exit.WithStatus(exit.NotFound, fmt.Errorf("working directory %s %s: the directory, or the source of the mount there, was removed: %w",
		f.plan.Identity.Dir, f.plan.Where(), err)), dirHint)
}

func (f *follower) dirFailed(_ int, errno unix.Errno, err error) error {
	err = exit.WithStatus(status(errno), fmt.Errorf("change to directory %s %s: %w", f.plan.Identity.Dir, f.plan.Where(), err))
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
// where else programs can be found.
func (f *follower) lookedFor(err error) error {
	switch who := f.plan.Identity.Who; {
	case f.plan.Command.NotFoundHint != "" && exit.Status(err) == exit.NotFound:
		return exit.Hint(err, "%s", f.plan.Command.NotFoundHint)
	case who == plan.Container && exit.Status(err) == exit.NotFound:
		return exit.Hint(err, "--except mnt runs the host's own programs, such as ps, lsof, strace and gdb, on the container's processes")
	}
	return err
}

// status returns the exit status for a command whose execution failed with errno.
func status(errno unix.Errno) int {
	if errno == unix.ENOENT || errno == unix.ENOTDIR {
		return exit.NotFound
	}
	return exit.CannotRun
}
