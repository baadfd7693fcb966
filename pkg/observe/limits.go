//go:build linux

package observe

import (
	"fmt"
	"strconv"
	"strings"

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
	list, err := parseLimits(text)
	if err != nil {
		return nil, fmt.Errorf("limits: %w", err)
	}
	return list, nil
}

// parseLimits reads /proc/PID/limits: below a heading a line for each resource, in
// the order of their numbers; a name of 26 columns, the soft and the hard limit.
func parseLimits(text string) ([]plan.Limit, error) {
	const name = 26
	_, text, _ = strings.Cut(text, "\n")
	lines := strings.Split(strings.TrimSpace(text), "\n")
	var list []plan.Limit
	for i, r := range plan.Resources() {
		if i >= len(lines) || len(lines[i]) < name {
			return nil, fmt.Errorf("there is none of %s", r)
		}
		words := strings.Fields(lines[i][name:])
		if len(words) < 2 {
			return nil, fmt.Errorf("there is none of %s", r)
		}
		soft, err := parseLimit(words[0])
		if err != nil {
			return nil, fmt.Errorf("%s: %w", r, err)
		}
		hard, err := parseLimit(words[1])
		if err != nil {
			return nil, fmt.Errorf("%s: %w", r, err)
		}
		list = append(list, plan.Limit{Resource: r, Soft: soft, Hard: hard})
	}
	return list, nil
}

func parseLimit(word string) (uint64, error) {
	if word == "unlimited" {
		return plan.Unlimited, nil
	}
	return strconv.ParseUint(word, 10, 64)
}
