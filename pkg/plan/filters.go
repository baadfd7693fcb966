package plan

import (
	"errors"
	"fmt"

	"github.com/nsjoin/docker-nsjoin/pkg/exit"
	"github.com/nsjoin/docker-nsjoin/pkg/seccomp"
)

// filters returns all seccomp filters of the container, with --privileged too, like docker
// exec. If they may not be copied, it compiles the filter that the runtime would make. A filter
// that cannot be read or compiled is an error: the command never runs without it.
func filters(s *TargetProcess) ([]Filter, error) {
	list, err := foundFilters(s)
	for _, f := range list {
		if seccomp.Notifies(f.Program) {
			// For each process that it starts, the runtime sends the agent a descriptor to listen on.
			// Without a listener the calls fail with ENOSYS.
			return nil, exit.Hint(errors.New("its seccomp profile passes system calls to an agent (SCMP_ACT_NOTIFY), which docker nsjoin does not support"),
				"use docker exec, or run a program of the host in its network: --only net")
		}
	}
	return list, err
}

// foundFilters returns the copied filters, or the one compiled from the profile.
func foundFilters(s *TargetProcess) ([]Filter, error) {
	switch {
	case s.FiltersDenied && s.Profile != nil:
		program, err := s.Profile.Compile()
		if err != nil {
			return nil, fmt.Errorf("compile seccomp filter: %w", err)
		}
		return []Filter{{Program: program, Flags: s.Profile.LoadFlags(), Compiled: true}}, nil
	case s.FiltersErr != nil:
		return nil, fmt.Errorf("copy seccomp filter: %w", s.FiltersErr)
	case s.Spec.Seccomp && len(s.Filters) == 0:
		return nil, errors.New("the runtime gave the container a seccomp filter, but its first process has none")
	}
	return s.Filters, nil
}
