//go:build linux

package observe

import (
	"fmt"

	"github.com/nsjoin/docker-nsjoin/pkg/plan"
)

// limits reads the resource limits of p from /proc, which every process may read. prlimit(2) needs CAP_SYS_RESOURCE
// for a process of another user, such as the shim of a rootless engine, and root may lack it.
func (p *Process) limits() ([]plan.Limit, error) {
	text, err := p.read("limits")
	if err != nil {
		return nil, err
	}
	list, err := plan.ParseLimits(text)
	if err != nil {
		return nil, fmt.Errorf("limits: %w", err)
	}
	return list, nil
}
