package seccomp

import (
	"encoding/json"
	"fmt"
	"slices"
)

// Compile makes the filter that the runtime gives to a command, for this kernel. It is
// an error where the profile can't be had without rights that it doesn't give, such as
// those of an agent.
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
		if err := entries[i].read(); err != nil {
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
		// runc has what is newer than all calls that the profile names not be there, unless
		// that is so anyway, so that programs try what is older.
		s.bounded = listed && s.newest > 0 && !fallback.permits() && fallback != errno|enosys
		f.sections = append(f.sections, s)
	}
	f.assemble()
	if len(f.program) > MaxInstructions {
		return nil, fmt.Errorf("its seccomp profile takes %d instructions, the kernel allows %d", len(f.program), MaxInstructions)
	}
	return f.program, nil
}

// section is what holds for the calls of one ABI.
type section struct {
	abi     abi
	calls   []call // by their numbers
	newest  uint32 // the largest number that the profile names
	bounded bool   // what is newer isn't there
}

// call is one that the profile says something of.
type call struct {
	number uint32
	rules  []rule // the strictest first; one without conditions is the last
}

// add adds what the profile says. Names that this kernel's table hasn't are left out,
// as libseccomp does.
func (s *section) add(entries []entry, fallback action) {
	s.abi.each(func(number uint32, name string) {
		c := call{number: number}
		if c.add(entries, fallback, name, nil) {
			s.newest = number
		}
		// What is reached through it has its number as the first argument. Conditions of the
		// others stay, as libseccomp leaves them, though these can't be seen there.
		through(name, func(n uint64, other string) {
			c.add(entries, fallback, other, &condition{op: "SCMP_CMP_EQ", mask: ^uint64(0), value: n})
		})
		if len(c.rules) > 0 {
			s.calls = append(s.calls, c)
		}
	})
}

// add adds the rules of name, with a condition in the place of theirs of the first argument if
// there is one, and tells whether the profile names it.
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

// insert puts a rule behind those that are as strict. Nothing is behind one that has no
// conditions.
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
	c.rules = append(c.rules, r) // slices.Insert, of these, would be 4 KB of the helper
	copy(c.rules[at+1:], c.rules[at:])
	c.rules[at] = r
}

// filter is assembled from its sections.
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
		if s := &f.sections[i]; !s.abi.x32 { // which is the same to the kernel
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
			} else { // but -1, by which a tracer has a call left out, is no call of x32
				const skipped = ^uint32(0)
				*p = append(*p, Instruction{Code: ifLeast, Jf: 2, K: x32Bit})
				p.unless(ifEqual, skipped)
				p.ret(killThread)
			}
		}
		f.section(s)
	}
}

// bound has what is newer than all that the profile names not be there. The number is
// one of x32's by a bit to runc, which does this, and by its size to libseccomp.
func (s *section) bound(p *program) {
	if !s.bounded {
		return
	}
	if s.abi.name == "SCMP_ARCH_S390X" {
		p.when(ifEqual, 0) // what the kernel doesn't know arrives as this one
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

// section goes through the numbers from the least on: those in a row that have the same
// action are compared at once.
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
		if !first.always() {
			f.conditional(&s.abi, first)
		} else {
			for i < len(s.calls) && s.calls[i].number == last+1 && s.calls[i].always() && s.calls[i].rules[0].action == first.rules[0].action {
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

// always tells whether its arguments don't matter.
func (c *call) always() bool { return len(c.rules[0].conditions) == 0 }

// conditional is one call whose arguments matter.
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
