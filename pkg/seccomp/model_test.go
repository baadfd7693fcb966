//go:build linux && libseccomp

package seccomp_test

import (
	"slices"

	"github.com/nsjoin/docker-nsjoin/pkg/seccomp"
	"github.com/nsjoin/docker-nsjoin/pkg/seccomp/seccomptest"
)

// place is a system call number of an ABI.
type place struct{ audit, number uint32 }

// stub is the ENOSYS stub that runc prepends to a filter, libcontainer/seccomp/patchbpf: the largest number
// that the profile names in each ABI. The key's number is the bit of x32.
type stub map[place]uint32

func (s stub) exceeds(c seccomptest.Call) bool {
	const s390x = 0x80000016
	largest, ok := s[place{c.ABI, c.Number & x32Bit(c.ABI)}]
	return ok && (c.Number > largest || c.ABI == s390x && c.Number == 0)
}

// x32Bit returns the bit of a number that marks calls of x32; 0 if the architecture has no x32.
func x32Bit(audit uint32) uint32 {
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
			at := place{a.Audit(), number & x32Bit(a.Audit())}
			if named[name] && number > s[at] {
				s[at] = number
			}
		})
	}
	return s
}

// model decides calls by a profile's rules, without a filter.
type model struct {
	fallback uint32
	known    map[uint32]bool // by AUDIT_ARCH_…; others are killed
	x32      bool
	rules    map[place][]modelRule
}

type modelRule struct {
	action     uint32
	conditions []condition
	mask       uint64 // the bits that the ABI's arguments have
}

// model returns the model of a profile for a kernel with these ABIs.
func (p profile) model(known []seccomp.ABI) model {
	s := model{fallback: p.defaultAction(), known: make(map[uint32]bool), rules: make(map[place][]modelRule)}
	byName := make(map[string][]modelRule)
	p.each(func(e entry, name string, conditions []condition) {
		if e.action() != s.fallback {
			byName[name] = append(byName[name], modelRule{action: e.action(), conditions: conditions})
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
				s.rules[at] = append(s.rules[at], modelRule{r.action, r.conditions, mask})
			}
			seccomp.Multiplexed(name, func(n uint64, other string) {
				for _, r := range byName[other] {
					s.rules[at] = append(s.rules[at], modelRule{r.action, reached(n, r.conditions), mask})
				}
			})
		})
	}
	return s
}

// reached returns the conditions of a call that is made through another one, as in libseccomp: the first
// argument selects the call, and the conditions on the other arguments stay.
func reached(number uint64, conditions []condition) []condition {
	list := []condition{{Index: 0, Op: "SCMP_CMP_EQ", Value: number}}
	for _, c := range conditions {
		if c.Index > 0 {
			list = append(list, c)
		}
	}
	return list
}

// decide returns the action of the strictest rule that matches.
func (s model) decide(c seccomptest.Call) uint32 {
	const kill, skipped = 0, ^uint32(0)
	x32 := x32Bit(c.ABI) != 0 && c.Number >= 0x40000000
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

func (r modelRule) matches(call seccomptest.Call) bool {
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

// ambiguous reports whether libseccomp may decide a call differently from the profile: if the call's rules
// have different actions, or compare the same argument other than for equality. libseccomp makes a tree of
// the rules, and does not try other branches if one ends without a match.
func (s model) ambiguous(c seccomptest.Call) bool {
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
