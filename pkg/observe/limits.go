//go:build linux

package observe

import (
	"fmt"

	"github.com/nsjoin/docker-nsjoin/pkg/plan"
)

// limits reads the resource limits of p. Its file in /proc can be read by everybody;
// prlimit(2) would take CAP_SYS_RESOURCE for a process of another user, which root
// may be without, as for the shim of a rootless engine.
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
