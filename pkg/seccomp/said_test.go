//go:build linux && libseccomp

package seccomp_test

import (
	"slices"

	"github.com/nsjoin/docker-nsjoin/pkg/seccomp"
	"github.com/nsjoin/docker-nsjoin/pkg/seccomp/seccomptest"
)

// place is a call of an ABI.
type place struct{ audit, number uint32 }

// stub is what runc puts before a filter, libcontainer/seccomp/patchbpf: the largest number that
// the profile names of each ABI, by AUDIT_ARCH_… and whether it is x32's.
type stub map[place]uint32

func (s stub) exceeds(c seccomptest.Call) bool {
	const s390x = 0x80000016
	largest, ok := s[place{c.ABI, c.Number & x32Of(c.ABI)}]
	return ok && (c.Number > largest || c.ABI == s390x && c.Number == 0)
}

// x32Of is the bit of a number that tells x32's calls.
func x32Of(audit uint32) uint32 {
	if audit == 0xc000003e {
		return 0x40000000
	}
	return 0
}

func (p profile) newest(known []seccomp.ABI) stub {
	s := make(stub)
	switch p.DefaultAction {
	case "SCMP_ACT_ALLOW", "SCMP_ACT_LOG", "SCMP_ACT_TRACE":
		return s
	}
	named := make(map[string]bool)
	p.each(func(_ entry, name string, _ []condition) { named[name] = true })
	for _, a := range known {
		if !slices.Contains(p.Architectures, a.Name()) {
			continue
		}
		a.Each(func(number uint32, name string) {
			at := place{a.Audit(), number & x32Of(a.Audit())}
			if named[name] && number > s[at] {
				s[at] = number
			}
		})
	}
	return s
}

// said is what a profile says, rule by rule, without a filter.
type said struct {
	fallback uint32
	known    map[uint32]bool // by AUDIT_ARCH_…; others are killed
	x32      bool
	rules    map[place][]saidRule
}

type saidRule struct {
	action     uint32
	conditions []condition
	mask       uint64 // of the arguments that the ABI has
}

// said reads a profile for a kernel with these ABIs.
func (p profile) said(known []seccomp.ABI) said {
	s := said{fallback: p.defaultAction(), known: make(map[uint32]bool), rules: make(map[place][]saidRule)}
	byName := make(map[string][]saidRule)
	p.each(func(e entry, name string, conditions []condition) {
		if e.action() != s.fallback {
			byName[name] = append(byName[name], saidRule{action: e.action(), conditions: conditions})
		}
	})
	for i, a := range known {
		if i > 0 && !slices.Contains(p.Architectures, a.Name()) {
			continue
		}
		s.known[a.Audit()] = true
		s.x32 = s.x32 || a.Name() == "SCMP_ARCH_X32"
		mask := ^uint64(0)
		if a.Audit()&0x80000000 == 0 || a.Name() == "SCMP_ARCH_X32" { // __AUDIT_ARCH_64BIT
			mask = 0xffffffff
		}
		a.Each(func(number uint32, name string) {
			at := place{a.Audit(), number}
			for _, r := range byName[name] {
				s.rules[at] = append(s.rules[at], saidRule{r.action, r.conditions, mask})
			}
			seccomp.Multiplexed(name, func(n uint64, other string) {
				for _, r := range byName[other] {
					s.rules[at] = append(s.rules[at], saidRule{r.action, reached(n, r.conditions), mask})
				}
			})
		})
	}
	return s
}

// reached are the conditions of a call that is reached through another one, as libseccomp has
// them: its number is the first argument, those of other arguments stay.
func reached(number uint64, conditions []condition) []condition {
	list := []condition{{Index: 0, Op: "SCMP_CMP_EQ", Value: number}}
	for _, c := range conditions {
		if c.Index > 0 {
			list = append(list, c)
		}
	}
	return list
}

// decide is the strictest of the rules that match.
func (s said) decide(c seccomptest.Call) uint32 {
	const kill, skipped = 0, ^uint32(0)
	x32 := x32Of(c.ABI) != 0 && c.Number >= 0x40000000
	if !s.known[c.ABI] || x32 && !s.x32 && c.Number != skipped {
		return kill
	}
	decided, found := s.fallback, false
	for _, r := range s.rules[place{c.ABI, c.Number}] {
		if r.matches(c) && (!found || int32(r.action&^0xffff) < int32(decided&^0xffff)) { //nolint:gosec // the kernel's own comparison
			decided, found = r.action, true
		}
	}
	return decided
}

func (r saidRule) matches(call seccomptest.Call) bool {
	return !slices.ContainsFunc(r.conditions, func(c condition) bool {
		a, v, two := call.Arguments[c.Index]&r.mask, c.Value&r.mask, c.ValueTwo&r.mask
		switch c.Op {
		case "SCMP_CMP_NE":
			return a == v
		case "SCMP_CMP_LT":
			return a >= v
		case "SCMP_CMP_LE":
			return a > v
		case "SCMP_CMP_EQ":
			return a != v
		case "SCMP_CMP_GE":
			return a < v
		case "SCMP_CMP_GT":
			return a <= v
		default:
			return a&v != two&v
		}
	})
}

// doubtful are the calls that libseccomp may decide otherwise than the profile says: those that
// have rules of different actions, or rules that compare the same argument and not only for being
// equal. It makes a tree of them, and where a branch ends without a match it doesn't look into others.
func (s said) doubtful(c seccomptest.Call) bool {
	rules := s.rules[place{c.ABI, c.Number}]
	compared, unequal := make(map[uint]int), make(map[uint]bool)
	for _, r := range rules {
		if r.action != rules[0].action {
			return true
		}
		for _, one := range r.conditions {
			compared[one.Index]++
			unequal[one.Index] = unequal[one.Index] || one.Op != "SCMP_CMP_EQ"
			if compared[one.Index] > 1 && unequal[one.Index] {
				return true
			}
		}
	}
	return false
}
