//go:build linux

package observe

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/nsjoin/docker-nsjoin/pkg/plan"
)

// status is what is used of /proc/PID/status, proc_pid_status(5).
type status struct{ text string }

// readStatus reads the status of p, once.
func (p *Process) readStatus() (status, error) {
	if p.status == nil {
		text, err := p.read("status")
		if err != nil {
			return status{}, err
		}
		p.status = &status{text}
	}
	return *p.status, nil
}

// field is the value of a line; the kernel escapes what could look like a line's
// end in a name.
func (s status) field(name string) (string, bool) {
	for line := range strings.Lines(s.text) {
		if value, ok := strings.CutPrefix(line, name); ok && strings.HasPrefix(value, ":") {
			return strings.TrimSpace(value[1:]), true
		}
	}
	return "", false
}

// number reads a field that is one number; an absent one is an error.
func (s status) number(name string, base int) (uint64, error) {
	value, ok := s.field(name)
	if !ok {
		return 0, fmt.Errorf("status has no line %s", name)
	}
	n, err := strconv.ParseUint(value, base, 64)
	if err != nil {
		return 0, fmt.Errorf("status line %s: %w", name, err)
	}
	return n, nil
}

// ids reads a field that is a list of numbers, such as Uid or Groups.
func (s status) ids(name string) ([]uint32, error) {
	var list []uint32
	value, _ := s.field(name)
	for word := range strings.FieldsSeq(value) {
		n, err := strconv.ParseUint(word, 10, 32)
		if err != nil {
			return nil, fmt.Errorf("status line %s: %w", name, err)
		}
		list = append(list, uint32(n))
	}
	return list, nil
}

// filters is the number of seccomp filters. Linux before 5.9 doesn't tell it.
func (s status) filters() (int, error) {
	mode, err := s.number("Seccomp", 10)
	if err != nil || mode == 0 {
		return 0, err
	}
	n, err := s.number("Seccomp_filters", 10)
	return int(n), err
}

// capabilities reads the five sets.
func (s status) capabilities() (plan.Capabilities, error) {
	var c plan.Capabilities
	for _, set := range []struct {
		field string
		into  *plan.CapSet
	}{
		{"CapBnd", &c.Bounding},
		{"CapPrm", &c.Permitted},
		{"CapEff", &c.Effective},
		{"CapInh", &c.Inheritable},
		{"CapAmb", &c.Ambient},
	} {
		bits, err := s.number(set.field, 16)
		if err != nil {
			return plan.Capabilities{}, err
		}
		*set.into = plan.CapSet(bits)
	}
	return c, nil
}
