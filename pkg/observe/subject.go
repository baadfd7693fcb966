//go:build linux

package observe

import (
	"errors"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/exit"
	"github.com/nsjoin/docker-nsjoin/pkg/kernel"
	"github.com/nsjoin/docker-nsjoin/pkg/plan"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

// readSubject reads who a command in p's file system is. user is whom the
// request names, or "".
func (o *Observation) readSubject(p *Process, source request.Source, user string) error {
	st, err := p.readStatus()
	if err != nil {
		return err
	}
	s := &plan.TargetProcess{}
	starter, starterStatus := p, st
	mountsOf := []*Process{o.host}
	var groups []string // that are added to the user's
	if c := source.Container; c != nil {
		starter = o.shims[p]
		s.ContainerID, s.ConfigEnv, groups = c.ID, c.Env, c.GroupAdd
		if user == "" {
			user = c.User // looked up anew, as the engine does it
		}
		mountsOf = []*Process{starter, o.host} // an engine can have mounts of its own
		if starterStatus, err = starter.readStatus(); err != nil {
			return err
		}
	}
	if s.Cgroups, err = p.foreignCgroups(o.self, s.ContainerID, mountsOf); err != nil {
		return err
	}
	if err := o.openCgroups(s.Cgroups, mountsOf); err != nil {
		return err
	}
	s.Frozen = o.frozen()
	if source.Container != nil {
		err = readContainer(s, p, starter, starterStatus)
	} else {
		err = o.readLive(s, p, st)
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
		// runc, between the two, has a handler for these: Podman's conmon ignores the
		// one, and a shim the other whose engine was started by nohup.
		s.Starter.Ignored &^= 1<<(unix.SIGPIPE-1) | 1<<(unix.SIGHUP-1)
	}
	root, err := o.rootOf(p)
	if err != nil {
		return err
	}
	defer root.Close()
	if err := readUser(s, root, user, groups); err != nil {
		return err
	}
	o.Facts.TargetProcess = s
	return nil
}

// readContainer takes the bundle of a container as what a command is to be
// like, and the runtime's filter from its first process.
func readContainer(s *plan.TargetProcess, p, shim *Process, shimStatus status) error {
	b, err := shim.readBundle()
	if err != nil {
		return err
	}
	if s.Spec, err = b.spec(); err != nil {
		return err
	}
	n, err := shimStatus.filters()
	if err != nil {
		return err
	}
	profile := b.Linux.Seccomp
	if profile == nil {
		copyInto(s, p, n, false)
		return nil
	}
	if n == 0 {
		s.Profile = profile
	}
	copyInto(s, p, n+1, false) // the runtime's follows those that it inherited; the program's own follow it
	if len(s.Filters) > 0 {
		s.Filters[len(s.Filters)-1].Flags = profile.LoadFlags()
	}
	return nil
}

// copyInto copies the n oldest filters of p, which with all are all that it has. That it failed
// is a fact, for the plan to judge.
func copyInto(s *plan.TargetProcess, p *Process, n int, all bool) {
	if n == 0 {
		return
	}
	patience := stopWithin
	if s.Profile != nil || s.Frozen {
		patience = stopSoon
	}
	s.Filters, s.FiltersErr = p.copyFilters(n, all, patience)
	s.FiltersDenied, s.FiltersErr = explainFilters(s.FiltersErr)
	if err := p.Alive(); err != nil { // then the number may have been another's
		s.Filters, s.FiltersDenied, s.FiltersErr = nil, false, err
	}
}

// unshown tells whether an error of copying filters says nothing about the filters: the thread
// could not be traced, or did not stop. A security module's EACCES isn't meant: it says that a
// tracer is unwanted, not that there is none.
func unshown(err error) bool {
	_, traced := errors.AsType[*traceError](err)
	return traced && !errors.Is(err, unix.EACCES) && !errors.Is(err, unix.ESRCH)
}

// explainFilters says what to do, and tells whether the kernel just did not show the filters:
// see unshown, or CAP_SYS_ADMIN in the initial user namespace is missing. Without that
// and where we have a filter ourselves it is EACCES, ptrace(2).
func explainFilters(err error) (denied bool, explained error) {
	if unshown(err) {
		return true, kernel.Explain(err)
	}
	explained = kernel.Explain(err)
	if _, traced := errors.AsType[*traceError](err); traced {
		return false, explained // a security module's EACCES, not for want of a capability
	}
	if explained != err || !errors.Is(err, unix.EACCES) { //nolint:errorlint // is it another?
		return false, explained
	}
	return true, exit.Hint(err, "only root on the host of a rootless engine can copy it: run docker nsjoin there")
}
