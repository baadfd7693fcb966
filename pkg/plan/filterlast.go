package plan

import (
	"errors"
	"fmt"

	"github.com/nsjoin/docker-nsjoin/pkg/exit"
	"github.com/nsjoin/docker-nsjoin/pkg/ns"
	"github.com/nsjoin/docker-nsjoin/pkg/seccomp"
)

// A profile can forbid calls that the join itself makes after it has taken the filter on. Then
// the filter is the last thing before the exec, under which nothing but that is called.
//
// The process that becomes the command is in the container's pid namespace by then. Without
// no_new_privs it has CAP_SYS_ADMIN, which loading a filter takes, and in any case it has no filter
// yet. Nobody in the container reaches it, since it is not dumpable, but who has CAP_SYS_PTRACE:
// the guard refuses it there. runc's process is as much in every container.

// Arguments of the calls, by the kernel's headers.
const (
	forkFlags    = 17 | 0x8000 | 0x100000 // SIGCHLD, CLONE_PARENT, CLONE_PARENT_SETTID
	setTerminal  = 0x540e                 // TIOCSCTTY
	notPermitted = 1                      // EPERM
	notKnown     = 38                     // ENOSYS
)

// MayLoadFilterLast tells whether the filter may have to be loaded last, so that an Observed needs
// Watchers, Users and the like.
func MayLoadFilterLast(s *TargetProcess) bool {
	filters, err := filters(s)
	return err == nil && forbidden(prepared(filters), s.Spec.NoNewPrivileges, true) != ""
}

func prepared(filters []Filter) *seccomp.Filters {
	var list [][]seccomp.Instruction
	for _, f := range filters {
		list = append(list, f.Program)
	}
	return seccomp.NewFilters(list)
}

// forbidden is the first call of the join's, in the usual order of its steps, that filters forbid; ""
// for none.
func forbidden(filters *seccomp.Filters, noNewPrivileges, terminal bool) string {
	decide := func(name string, arguments ...uint64) seccomp.Decision {
		c := seccomp.Call{Name: name}
		copy(c.Arguments[:], arguments)
		return filters.Decide(c)
	}
	if !noNewPrivileges && !decide("capset").Allows() {
		return "capset"
	}
	// s390x has the flags second.
	if !decide("clone", forkFlags, 0).Allows() || !decide("clone", 0, forkFlags).Allows() {
		return "clone"
	}
	if terminal && !decide("ioctl", 0, setTerminal).Allows() {
		return "ioctl"
	}
	for _, name := range []string{"setsid", "read", "write", "exit_group"} {
		if !decide(name).Allows() {
			return name
		}
	}
	// What looks for the file has other calls where these are refused as unknown.
	passes := func(name string) bool {
		d := decide(name)
		return d.Allows() || d.Refuses(notPermitted) || d.Refuses(notKnown)
	}
	others := decide("openat").Allows() && decide("close").Allows()
	switch {
	case !passes("statx"), !others && !decide("statx").Allows():
		return "statx"
	case !passes("faccessat"):
		return "faccessat"
	}
	return ""
}

// orderFilter decides whether the filter comes last, and refuses where it forbids the exec itself.
func (p *Plan) orderFilter(s *TargetProcess) error {
	c := p.Identity.Container
	if c == nil {
		return nil
	}
	list := prepared(c.Filters)
	if !list.Decide(seccomp.Call{Name: "execve"}).Allows() {
		return exit.WithStatus(exit.CannotRun, fmt.Errorf("%q: %s forbids execve(2), which starts a command", p.Target, s.itsFilter()))
	}
	c.Forbidden = forbidden(list, c.NoNewPrivileges, p.Terminal)
	return nil
}

// itsFilter is what a message calls the filter.
func (s *TargetProcess) itsFilter() string {
	if s.ContainerID == "" {
		return "its seccomp filter"
	}
	return "its seccomp profile"
}

// guardLast refuses a command whose filter comes last where somebody in the container could use
// it meanwhile. What it returns are warnings.
func (p *Plan) guardLast(trust bool, o *Observed) ([]string, error) {
	c := p.Identity.Container
	if c == nil || c.Forbidden == "" {
		return nil, nil
	}
	pid := p.row(ns.PID)
	if pid.ID == o.host().Namespaces[ns.PID] {
		return nil, nil // who traces the host's processes is trusted like the host
	}
	if len(o.Users) == 0 {
		return nil, fmt.Errorf("pid of %q: %w", pid.Source, errors.New("who sees the command there was not observed"))
	}
	for _, w := range o.Watchers {
		if w.privileged(o) || !w.traces(o.Users) {
			continue
		}
		text := fmt.Sprintf("%q: %s forbids %s(2), so the command starts without the filter, and processes there could trace it (SYS_PTRACE)",
			p.Target, o.TargetProcess.itsFilter(), c.Forbidden)
		if !trust {
			return nil, exit.Hint(errors.New(text), "trust %q with what its profile forbids: --trust-container", p.Target)
		}
		return []string{text}, nil
	}
	return nil, nil
}
