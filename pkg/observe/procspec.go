//go:build linux

package observe

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/nsjoin/docker-nsjoin/pkg/plan"
	"github.com/nsjoin/docker-nsjoin/pkg/procfs"
)

// readProcessSpec reads the command's specification from a running process, whatever started it.
func (o *Observation) readProcessSpec(s *plan.TargetProcess, p *Process, st procfs.Status) error {
	env, err := p.readMemory("environ", maxEnviron)
	if err != nil {
		return err
	}
	s.Spec.Env = strings.FieldsFunc(env, func(r rune) bool { return r == 0 })
	if s.Spec.Dir, err = p.readlink("cwd"); err != nil {
		return err
	}
	if err := o.readIDs(&s.Spec, p, st); err != nil {
		return err
	}
	if s.Spec.Capabilities, err = capabilities(st); err != nil {
		return err
	}
	nnp, err := st.Number("NoNewPrivs", 10)
	if err != nil {
		return err
	}
	s.Spec.NoNewPrivileges = nnp != 0
	label, err := procfs.LabelFrom(p.read)
	if err != nil {
		return err
	}
	s.Spec.AppArmor, s.Spec.SELinux = label.AppArmor, label.SELinux
	n, err := st.Filters()
	if err != nil {
		return err
	}
	s.Spec.Seccomp = n > 0
	readFilters(s, p, n, true)
	return nil
}

// readIDs reads the effective ids and maps them to the process's user namespace. /proc shows them as they are in
// the helper's.
func (o *Observation) readIDs(spec *plan.Spec, p *Process, st procfs.Status) error {
	uids, err := o.readIDMap(p, "uid_map")
	if err != nil {
		return err
	}
	gids, err := o.readIDMap(p, "gid_map")
	if err != nil {
		return err
	}
	if spec.UID, err = effectiveID(st, "Uid", uids); err != nil {
		return err
	}
	if spec.GID, err = effectiveID(st, "Gid", gids); err != nil {
		return err
	}
	groups, err := st.IDs("Groups")
	if err != nil {
		return err
	}
	for _, outside := range groups {
		// A group without a mapping cannot be set inside, and no other group grants less.
		if g, ok := inside(gids, outside); ok {
			spec.Groups = append(spec.Groups, g)
		}
	}
	return nil
}

// effectiveID returns the second number of a status line of real, effective, saved and file system id.
func effectiveID(st procfs.Status, field string, ranges []plan.IDRange) (uint32, error) {
	four, err := st.IDs(field)
	if err != nil {
		return 0, err
	}
	if len(four) < 2 {
		return 0, fmt.Errorf("status line %s has %d numbers", field, len(four))
	}
	id, ok := inside(ranges, four[1])
	if !ok {
		return 0, fmt.Errorf("%s %d is not mapped in its user namespace", field, four[1])
	}
	return id, nil
}

// inside maps an id of the helper's user namespace into another one.
func inside(ranges []plan.IDRange, outside uint32) (uint32, bool) {
	for _, r := range ranges {
		if outside >= r.Outside && outside-r.Outside < r.Count {
			return r.Inside + (outside - r.Outside), true
		}
	}
	return 0, false
}

func parseIDMap(text string) ([]plan.IDRange, error) {
	var ranges []plan.IDRange
	for line := range strings.Lines(text) {
		var numbers []uint32
		for word := range strings.FieldsSeq(line) {
			n, err := strconv.ParseUint(word, 10, 32)
			if err != nil {
				return nil, err
			}
			numbers = append(numbers, uint32(n))
		}
		if len(numbers) != 3 {
			return nil, fmt.Errorf("%q is not three numbers", strings.TrimSpace(line))
		}
		ranges = append(ranges, plan.IDRange{Inside: numbers[0], Outside: numbers[1], Count: numbers[2]})
	}
	return ranges, nil
}
