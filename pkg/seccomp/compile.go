package seccomp

import (
	"encoding/json"
	"fmt"
	"slices"
)

// Compile returns the filter that the runtime makes of p for a command on this kernel. It fails if p
// is invalid or the filter is longer than MaxInstructions.
func (p *Profile) Compile() ([]Instruction, error) { return p.compile(abis()) }

func (p *Profile) compile(known []abi) ([]Instruction, error) {
	fallback, err := parseAction(p.DefaultAction, p.DefaultErrnoRet)
	if err != nil {
		return nil, err
	}
	var entries []entry
	if len(p.Syscalls) > 0 {
		if err := json.Unmarshal(p.Syscalls, &entries); err != nil {
			return nil, fmt.Errorf("its seccomp profile: %w", err)
		}
	}
	for i := range entries {
		if err := entries[i].makeRules(); err != nil {
			return nil, err
		}
	}
	f := filter{fallback: fallback}
	for i, a := range known {
		listed := slices.Contains(p.Architectures, a.name) || i == 0 && slices.Contains(p.Architectures, "SCMP_ARCH_NATIVE")
		if i > 0 && !listed {
			continue
		}
		s := section{abi: a}
		s.add(entries, fallback)
		// Like runc: calls newer than all those that the profile names fail with ENOSYS, so that
		// programs fall back to older ones.
		s.bounded = listed && s.newest > 0 && !fallback.permits() && fallback != errno|enosys
		f.sections = append(f.sections, s)
	}
	f.assemble()
	if len(f.program) > MaxInstructions {
		return nil, fmt.Errorf("its seccomp profile needs a filter of %d instructions; the kernel allows %d", len(f.program), MaxInstructions)
	}
	return f.program, nil
}

// section is the part of a filter for one ABI.
type section struct {
	abi     abi
	calls   []call // sorted by number
	newest  uint32 // largest number that the profile names
	bounded bool   // newer calls fail with ENOSYS
}

// call is a system call for which the profile has rules.
type call struct {
	number uint32
	rules  []rule // strictest first; a rule without conditions is the last
}

// add adds the rules of the profile. Like libseccomp it ignores names that are not in the table of
// the ABI.
func (s *section) add(entries []entry, fallback action) {
	s.abi.each(func(number uint32, name string) {
		c := call{number: number}
		if c.add(entries, fallback, name, nil) {
			s.newest = number
		}
		// A call made through this one is selected by the first argument. Like libseccomp it keeps
		// the conditions on the other arguments, although they are not passed in registers there.
		multiplexed(name, func(n uint64, other string) {
			c.add(entries, fallback, other, &condition{op: "SCMP_CMP_EQ", mask: ^uint64(0), value: n})
		})
		if len(c.rules) > 0 {
			s.calls = append(s.calls, c)
		}
	})
}

// add adds the rules of name and reports whether the profile names it. If first is not nil, it replaces
// their conditions on the first argument.
func (c *call) add(entries []entry, fallback action, name string, first *condition) (named bool) {
	for i := range entries {
		e := &entries[i]
		if !slices.Contains(e.Names, name) {
			continue
		}
		named = true
		for _, r := range e.rules {
			if first != nil {
				conditions := []condition{*first}
				for _, other := range r.conditions {
					if other.index > 0 {
						conditions = append(conditions, other)
					}
				}
				r.conditions = conditions
			}
			if r.action != fallback {
				c.insert(r)
			}
		}
	}
	return named
}

// insert inserts a rule after those that are at least as strict. A rule without conditions ends the
// list.
func (c *call) insert(r rule) {
	at := 0
	for ; at < len(c.rules) && c.rules[at].action.strictness() <= r.action.strictness(); at++ {
		if len(c.rules[at].conditions) == 0 {
			return
		}
	}
	if len(r.conditions) == 0 {
		c.rules = append(c.rules[:at], r)
		return
	}
	c.rules = append(c.rules, r) // slices.Insert would add 4 KB to the helper
	copy(c.rules[at+1:], c.rules[at:])
	c.rules[at] = r
}

// filter assembles sections into a program.
type filter struct {
	fallback action
	sections []section
	program  program
}

func (f *filter) assemble() {
	p := &f.program
	starts := make([]label, len(f.sections))
	p.put(load, ofABI)
	for i := range f.sections {
		if s := &f.sections[i]; !s.abi.x32 { // x32 has the same AUDIT_ARCH as amd64
			p.when(ifEqual, s.abi.audit)
			p.jump(&starts[i])
		}
	}
	p.ret(killThread)
	for i := range f.sections {
		s := &f.sections[i]
		p.here(starts[i])
		if !s.abi.x32 {
			p.put(load, ofNumber)
		}
		s.bound(p)
		if s.abi.name == "SCMP_ARCH_X86_64" {
			if i+1 < len(f.sections) && f.sections[i+1].abi.x32 {
				p.when(ifLeast, x32Bit)
				p.jump(&starts[i+1])
			} else { // -1, with which a tracer skips a call, is not an x32 call
				const skipped = ^uint32(0)
				*p = append(*p, Instruction{Code: ifLeast, Jf: 2, K: x32Bit})
				p.unless(ifEqual, skipped)
				p.ret(killThread)
			}
		}
		f.section(s)
	}
}

// bound makes calls newer than all those that the profile names fail with ENOSYS. Like runc, it
// recognizes an x32 call by x32Bit; libseccomp compares the number.
func (s *section) bound(p *program) {
	if !s.bounded {
		return
	}
	if s.abi.name == "SCMP_ARCH_S390X" {
		p.when(ifEqual, 0) // numbers that the kernel does not know arrive as 0
		p.ret(errno | enosys)
	}
	switch {
	case s.abi.x32:
		*p = append(*p, Instruction{Code: ifSet, Jf: 2, K: x32Bit})
	case s.abi.name == "SCMP_ARCH_X86_64":
		*p = append(*p, Instruction{Code: ifSet, Jt: 2, K: x32Bit})
	}
	p.when(ifAbove, s.newest)
	p.ret(errno | enosys)
}

// section emits the code for one ABI, in ascending order of the numbers. Consecutive numbers with the
// same action take one comparison.
func (f *filter) section(s *section) {
	p := &f.program
	next := uint32(0)
	for i := 0; i < len(s.calls); {
		first := s.calls[i]
		if first.number != next {
			p.unless(ifLeast, first.number)
			p.ret(f.fallback)
		}
		last := first.number
		i++
		if !first.unconditional() {
			f.conditional(&s.abi, first)
		} else {
			for i < len(s.calls) && s.calls[i].number == last+1 && s.calls[i].unconditional() && s.calls[i].rules[0].action == first.rules[0].action {
				last++
				i++
			}
			p.unless(ifAbove, last)
			p.ret(first.rules[0].action)
		}
		next = last + 1
	}
	p.ret(f.fallback)
}

// unconditional reports whether the action does not depend on the arguments.
func (c *call) unconditional() bool { return len(c.rules[0].conditions) == 0 }

// conditional emits the code for a call whose action depends on the arguments.
func (f *filter) conditional(a *abi, c call) {
	p := &f.program
	var other label
	p.unless(ifEqual, c.number)
	p.jump(&other)
	for _, r := range c.rules {
		var no label
		for _, one := range r.conditions {
			p.test(a, one, &no)
		}
		p.ret(r.action)
		p.here(no)
	}
	if len(c.rules[len(c.rules)-1].conditions) > 0 {
		p.ret(f.fallback)
	}
	p.here(other)
}
