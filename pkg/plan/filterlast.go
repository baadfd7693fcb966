package plan

import (
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/nsjoin/docker-nsjoin/pkg/exit"
	"github.com/nsjoin/docker-nsjoin/pkg/ns"
	"github.com/nsjoin/docker-nsjoin/pkg/seccomp"
)

// A profile can forbid calls that the join itself makes after loading the filter. Then the
// filter is loaded last, just before execve(2), the only call made under it.
//
// Until then the process that becomes the command is in the container's pid namespace without a
// filter and, unless no_new_privs is set, with CAP_SYS_ADMIN, which loading a filter requires. It
// is not dumpable, so only processes with CAP_SYS_PTRACE can trace it: guardLast refuses if the
// container has such processes. runc's process is exposed in the same way in every container.

// Arguments and errors of the calls, from the kernel's headers.
const (
	forkFlags    = 17 | 0x8000 | 0x100000 // SIGCHLD, CLONE_PARENT, CLONE_PARENT_SETTID
	setTerminal  = 0x540e                 // TIOCSCTTY
	notPermitted = 1                      // EPERM
	notKnown     = 38                     // ENOSYS

	pointersOfClone = 1<<2 | 1<<3 | 1<<4 // of Call.Unknown: the parent's and the child's tid, and TLS
)

// MayLoadFilterLast reports whether the filter may have to be loaded last. Then an Observed needs
// Watchers and Users.
func MayLoadFilterLast(s *TargetProcess) bool {
	filters, err := filters(s)
	return err == nil && forbidden(evaluator(filters), s.Spec.NoNewPrivileges, true) != ""
}

// evaluator returns the filters in a form that can decide calls.
func evaluator(filters []Filter) *seccomp.Filters {
	var list [][]seccomp.Instruction
	for _, f := range filters {
		list = append(list, f.Program)
	}
	return seccomp.NewFilters(list)
}

// forbidden returns the first call that the join makes after loading the filter and that
// filters forbid; "" for none.
func forbidden(filters *seccomp.Filters, noNewPrivileges, terminal bool) string {
	if call := forbiddenBefore(filters, noNewPrivileges); call != "" {
		return call
	}
	if terminal && !filters.Decide(seccomp.Call{Name: "ioctl", Arguments: [6]uint64{0, setTerminal}}).Allows() {
		return "ioctl"
	}
	// Finding the file falls back to other calls if these fail with EPERM or ENOSYS.
	passesOrFails := func(name string) bool {
		d := decide(filters, name)
		return d.Allows() || d.Refuses(notPermitted) || d.Refuses(notKnown)
	}
	fallback := decide(filters, "openat").Allows() && decide(filters, "close").Allows()
	switch {
	case !passesOrFails("statx"), !fallback && !decide(filters, "statx").Allows():
		return "statx"
	case !passesOrFails("faccessat"):
		return "faccessat"
	}
	return ""
}

// forbiddenBefore returns the first call that filters forbid and that every join makes after loading them; "" for none.
func forbiddenBefore(filters *seccomp.Filters, noNewPrivileges bool) string {
	if !noNewPrivileges && !decide(filters, "capset").Allows() {
		return "capset"
	}
	// On s390x the flags are the second argument.
	for _, arguments := range [][6]uint64{{forkFlags}, {0, forkFlags}} {
		if !filters.Decide(seccomp.Call{Name: "clone", Arguments: arguments, Unknown: pointersOfClone}).Allows() {
			return "clone"
		}
	}
	if !filters.Decide(seccomp.Call{Name: "setsid"}).Allows() {
		return "setsid"
	}
	for _, name := range []string{"chdir", "getcwd", "read", "write", "exit_group"} {
		if !decide(filters, name).Allows() {
			return name
		}
	}
	return ""
}

// decide decides about a call with arguments that are not known.
func decide(filters *seccomp.Filters, name string) seccomp.Decision {
	return filters.Decide(seccomp.Call{Name: name, Unknown: ^uint8(0)})
}

// orderFilter decides whether the filter is loaded last. It refuses a filter that forbids execve(2).
func (p *Plan) orderFilter(s *TargetProcess) error {
	c := p.Identity.Container
	if c == nil {
		return nil
	}
	list := evaluator(c.Filters)
	if !list.Decide(seccomp.Call{Name: "execve"}).Allows() {
		err := fmt.Errorf("%q: %s forbids execve(2), so no command can be started", p.Target, s.itsFilter())
		return exit.Hint(exit.WithStatus(exit.CannotRun, err), "--except mnt runs a program of the host in the other namespaces")
	}
	c.Forbidden = forbidden(list, c.NoNewPrivileges, p.Terminal)
	return nil
}

// itsFilter names the filter in messages.
func (s *TargetProcess) itsFilter() string {
	if s.ContainerID == "" {
		return "its seccomp filter"
	}
	return "its seccomp profile"
}

// guardLast refuses a command whose filter is loaded last if processes in the container could
// trace it before that. With trust, it returns a warning instead.
func (p *Plan) guardLast(trust bool, o *Observed) ([]string, error) {
	c := p.Identity.Container
	if c == nil || c.Forbidden == "" {
		return nil, nil
	}
	pid := p.row(ns.PID)
	if pid.ID == o.host().Namespaces[ns.PID] {
		return nil, nil // a process that can trace the host's processes is trusted like the host
	}
	if len(o.Users) == 0 {
		return nil, fmt.Errorf("pid of %q: %w", pid.Source, errors.New("the processes that can see the command were not observed"))
	}
	traces := func(w Watcher) bool { return !w.privileged(o) && w.isTracer(o.Users) }
	i := slices.IndexFunc(o.Watchers, traces)
	if i < 0 {
		return nil, nil
	}
	who := "processes in the container with CAP_SYS_PTRACE"
	if w := o.Watchers[i]; w.Outside != 0 {
		who = w.who()
	}
	text := fmt.Sprintf("%q: %s forbids %s(2), so the filter is loaded last; until then %s can trace the command",
		p.Target, o.TargetProcess.itsFilter(), c.Forbidden, who)
	if !trust {
		return nil, exit.Hint(errors.New(text), "add --trust-container if you trust the %s", whose(strconv.Quote(p.Target), o.Watchers, traces))
	}
	return []string{text}, nil
}
