package plan

import (
	"fmt"
	"slices"

	"github.com/nsjoin/docker-nsjoin/pkg/exit"
	"github.com/nsjoin/docker-nsjoin/pkg/ns"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

// besideFrozen returns the command's cgroups. If the container is paused, those that are frozen are marked.
//
// In cgroup v1 only the freezer's group is frozen, and that decides nothing else: the command is in all others. In
// cgroup v2 there is one group for everything, so the command gets one beside it with the same limits and the same BPF
// programs, which decide about devices.
func (p *Plan) besideFrozen(r *request.Request, s *TargetProcess) ([]Cgroup, error) {
	if !s.Frozen || !r.Paused || r.Inspect {
		return s.Cgroups, nil
	}
	target := r.Source(ns.Mnt).Quoted()
	groups := slices.Clone(s.Cgroups)
	text := "the command is in none of its freezer's groups"
	for i, g := range groups {
		if !g.Frozen {
			continue
		}
		if g.Hierarchy != "" && g.Hierarchy != "freezer" {
			return nil, exit.Hint(fmt.Errorf("%s is paused, and its freezer cannot be left out, since the host has mounted it together with others (%s)", target, g.Hierarchy), "%s", FrozenHint)
		}
		if groups[i].Beside = true; g.Hierarchy == "" {
			text = "the command is in a cgroup of its own, with the same limits and rules for devices"
		}
	}
	p.Warnings = append(p.Warnings, fmt.Sprintf("%s is paused: %s", target, text))
	return groups, nil
}

// Sibling returns the index of the group of cgroup v2 that the command gets one beside, or -1.
func (c *ContainerIdentity) Sibling() int {
	if c == nil {
		return -1
	}
	return slices.IndexFunc(c.Cgroups, func(g Cgroup) bool { return g.Beside && g.Hierarchy == "" })
}
