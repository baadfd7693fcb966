//go:build linux

package main

import (
	"fmt"
	"path"

	"github.com/nsjoin/docker-nsjoin/pkg/exit"
	"github.com/nsjoin/docker-nsjoin/pkg/join"
	"github.com/nsjoin/docker-nsjoin/pkg/observe"
	"github.com/nsjoin/docker-nsjoin/pkg/plan"
	"github.com/nsjoin/docker-nsjoin/pkg/sibling"
)

// leaveFrozen drops the groups that the plan leaves out because the container is paused, and makes the group beside the
// one of cgroup v2; nil if the plan has none.
func leaveFrozen(p *plan.Plan, seen *observe.Observation, held *join.Held) (*sibling.Group, error) {
	c := p.Identity.Container
	if c == nil {
		return nil, nil
	}
	seen.LeaveFrozen(c.Cgroups)
	i := c.Sibling()
	if i < 0 {
		return nil, nil
	}
	group, err := sibling.Make(seen.CgroupDir, path.Base(c.Cgroups[i].Path), join.ForkWatchdog)
	if err != nil {
		err = fmt.Errorf("%q is paused, and the command cannot run in a cgroup beside it: %w", p.Target, err)
		return nil, exit.Hint(err, "%s", plan.FrozenHint)
	}
	held.Cgroups[i], held.Into = group.Procs, group.Dir
	return group, nil
}
