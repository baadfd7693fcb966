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
	s := &plan.Subject{}
	starter, starterStatus := p, st
	mountsOf := []*Process{o.host}
	var groups []string // that are added to the user's
	if c := source.Container; c != nil {
		shim := o.shims[p]
		s.ContainerID, s.ConfigEnv, groups = c.ID, c.Env, c.GroupAdd
		if user == "" {
			user = c.User // looked up anew, as the engine does it
		}
		starter = shim
		mountsOf = []*Process{shim, o.host} // an engine can have mounts of its own
		if starterStatus, err = shim.readStatus(); err != nil {
			return err
		}
		err = readContainer(s, p, shim, starterStatus)
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
	if s.Cgroups, err = p.foreignCgroups(o.self); err != nil {
		return err
	}
	o.Facts.Subject = s
	return o.openCgroups(s.Cgroups, mountsOf)
}

// readContainer takes the bundle of a container as what a command is to be
// like, and the runtime's filter from its first process.
func readContainer(s *plan.Subject, p, shim *Process, shimStatus status) error {
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
		copyInto(s, p, n)
		return nil
	}
	if n == 0 {
		s.Profile = profile
	}
	copyInto(s, p, n+1) // the runtime's follows those that it inherited; the program's own follow it
	if len(s.Filters) > 0 {
		s.Filters[len(s.Filters)-1].Flags = profile.LoadFlags()
	}
	return nil
}

// copyInto copies the n oldest filters of p. That it failed is a fact, for the
// plan to judge.
func copyInto(s *plan.Subject, p *Process, n int) {
	if n == 0 {
		return
	}
	s.Filters, s.FiltersErr = CopyFilters(p.PID, n)
	s.FiltersDenied, s.FiltersErr = explainFilters(s.FiltersErr)
	if s.FiltersErr == nil {
		s.FiltersErr = p.Alive() // else the number may have been another's
	}
}

// explainFilters says what to do, and tells whether CAP_SYS_ADMIN in the initial user
// namespace is all that is missing: without it and where we have a filter ourselves it
// is EACCES, ptrace(2).
func explainFilters(err error) (denied bool, explained error) {
	explained = kernel.Explain(err)
	if _, traced := errors.AsType[*traceError](err); traced {
		return false, explained // a security module's EACCES, not for want of a capability
	}
	if explained != err || !errors.Is(err, unix.EACCES) { //nolint:errorlint // is it another?
		return false, explained
	}
	return true, exit.Hint(err, "only root on the host of a rootless engine can copy it: run docker nsjoin there")
}
