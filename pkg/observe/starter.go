//go:build linux

package observe

import (
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/plan"
	"github.com/nsjoin/docker-nsjoin/pkg/procfs"
)

// readStarter reads what a child of p would inherit.
func (p *Process) readStarter(st procfs.Status) (plan.Starter, error) {
	var s plan.Starter
	umask, err := st.Number("Umask", 8)
	if err != nil {
		return s, err
	}
	s.Umask = uint32(umask)
	if s.Ignored, err = st.Number("SigIgn", 16); err != nil {
		return s, err
	}
	if s.Attributes, err = p.readAttributes(st); err != nil {
		return s, err
	}
	if s.Filters, err = st.Filters(); err != nil {
		return s, err
	}
	bounding, err := st.Number("CapBnd", 16)
	if err != nil {
		return s, err
	}
	s.Bounding = plan.CapSet(bounding)
	if s.CPUs, err = p.cpus(); err != nil {
		return s, err
	}
	text, err := p.read("oom_score_adj")
	if err != nil {
		return s, err
	}
	if s.OOMScoreAdj, err = strconv.Atoi(strings.TrimSpace(text)); err != nil {
		return s, fmt.Errorf("oom_score_adj: %w", err)
	}
	s.Limits, err = p.limits()
	return s, err
}

// cpus lists the processors that p may run on.
func (p *Process) cpus() ([]int, error) {
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(p.PID, &set); err != nil {
		return nil, fmt.Errorf("cpu affinity: %w", err)
	}
	var list []int
	for cpu := 0; len(list) < set.Count(); cpu++ {
		if set.IsSet(cpu) {
			list = append(list, cpu)
		}
	}
	return list, nil
}
