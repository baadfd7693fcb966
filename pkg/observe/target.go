//go:build linux

package observe

import (
	"errors"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/exit"
	"github.com/nsjoin/docker-nsjoin/pkg/kernel"
	"github.com/nsjoin/docker-nsjoin/pkg/plan"
	"github.com/nsjoin/docker-nsjoin/pkg/procfs"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

// readTarget reads the target process: what decides the identity of a command in p's file system. user is the
// request's user, or "".
func (o *Observation) readTarget(p *Process, source request.Source, user string) error {
	st, err := p.readStatus()
	if err != nil {
		return err
	}
	s := &plan.TargetProcess{}
	starter, starterStatus := p, st
	mountsOf := []*Process{o.host}
	var groups []string // added to the user's groups
	if c := source.Container; c != nil {
		starter = o.shims[p]
		s.ContainerID, s.ConfigEnv, groups = c.ID, c.Env, c.GroupAdd
		if user == "" {
			user = c.User // looked up again, as the engine does for an exec
		}
		mountsOf = []*Process{starter, o.host} // the engine may have its own mount namespace
		if starterStatus, err = starter.readStatus(); err != nil {
			return err
		}
	}
	if err := o.settleFor(p, s.ContainerID); err != nil {
		return err
	}
	if s.Cgroups, err = p.cgroupsToJoin(o.self, s.ContainerID, mountsOf); err != nil {
		return err
	}
	if s.Cgroups, err = o.openCgroups(s.Cgroups, mountsOf); err != nil {
		return err
	}
	s.Frozen = o.frozen()
	if source.Container != nil {
		err = readContainerSpec(s, p, starter, starterStatus)
	} else {
		err = o.readProcessSpec(s, p, st)
	}
	if err != nil {
		return err
	}
	if s.Starter, err = starter.readStarter(starterStatus); err != nil {
		return err
	}
	if err := o.readProfile(s, starter); err != nil {
		return err
	}
	if source.Container != nil {
		// runc, which runs between the shim and the process, handles these signals, so the process does not ignore
		// them. Podman's conmon ignores SIGPIPE, and a shim of an engine that was started with nohup ignores SIGHUP.
		s.Starter.Ignored &^= 1<<(unix.SIGPIPE-1) | 1<<(unix.SIGHUP-1)
	}
	root, err := o.openMountRoot(p)
	if err != nil {
		return err
	}
	defer root.Close()
	// A thread that is left behind changes s, which is not used then.
	if err := o.asked(func() error { return readUser(s, root, user, groups) }); err != nil {
		return err
	}
	o.Facts.TargetProcess = s
	return nil
}

// readContainerSpec reads the command's specification from the container's bundle, and the filter that the
// runtime loaded from its first process.
func readContainerSpec(s *plan.TargetProcess, p, shim *Process, shimStatus procfs.Status) error {
	b, err := shim.readBundle()
	if err != nil {
		return err
	}
	if s.Spec, err = b.spec(); err != nil {
		return err
	}
	n, err := shimStatus.Filters()
	if err != nil {
		return err
	}
	profile := b.Linux.Seccomp
	if profile == nil {
		readFilters(s, p, n, false)
		return nil
	}
	if n == 0 {
		s.Profile = profile
	}
	readFilters(s, p, n+1, false) // inherited filters first, then the runtime's, then the program's own
	if len(s.Filters) > 0 {
		s.Filters[len(s.Filters)-1].Flags = profile.LoadFlags()
	}
	return nil
}

// readFilters copies the n oldest filters of p; all says that p has no more. A failure is a fact that the plan
// decides about.
func readFilters(s *plan.TargetProcess, p *Process, n int, all bool) {
	if n == 0 {
		return
	}
	timeout := stopTimeout
	if s.Profile != nil || s.Frozen {
		timeout = shortStopTimeout
	}
	s.Filters, s.FiltersErr = p.copyFilters(n, all, timeout)
	s.FiltersDenied, s.FiltersErr = explainCopyError(s.FiltersErr)
	if err := p.Alive(); err != nil { // the number may have been reused
		s.Filters, s.FiltersDenied, s.FiltersErr = nil, false, err
	}
}

// notTraced reports whether copying filters failed before any filter was read: the thread could not be traced, or
// did not stop. EACCES of a security module is excluded: it is a refusal to trace, and the plan must not work
// around it.
func notTraced(err error) bool {
	_, traced := errors.AsType[*traceError](err)
	return traced && !errors.Is(err, unix.EACCES) && !errors.Is(err, unix.ESRCH)
}

// explainCopyError adds a hint. denied reports whether the kernel merely did not show the filters: the thread was
// not traced (see notTraced), or this process lacks CAP_SYS_ADMIN in the initial user namespace. Without that
// capability, or with a filter of its own, it gets EACCES, ptrace(2).
func explainCopyError(err error) (denied bool, explained error) {
	if notTraced(err) {
		return true, kernel.Explain(err)
	}
	explained = kernel.Explain(err)
	if _, traced := errors.AsType[*traceError](err); traced {
		return false, explained // EACCES of a security module, not of a missing capability
	}
	if explained != err || !errors.Is(err, unix.EACCES) { //nolint:errorlint // tells whether Explain changed it
		return false, explained
	}
	return true, exit.Hint(err, "only root on the engine's host can copy the filter: run docker nsjoin there as root")
}
