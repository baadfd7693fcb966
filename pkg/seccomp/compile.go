package seccomp

import (
	"cmp"
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
	f := filter{fallback: fallback}
	for i, a := range known {
		listed := slices.Contains(p.Architectures, a.name) || i == 0 && slices.Contains(p.Architectures, "SCMP_ARCH_NATIVE")
		if i > 0 && !listed {
			continue
		}
		s := section{abi: a, rules: make(map[uint32][]rule)}
		if err := s.add(entries, fallback); err != nil {
			return nil, err
		}
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

// section is what holds for the calls of one ABI, by their numbers.
type section struct {
	abi     abi
	rules   map[uint32][]rule
	newest  uint32 // the largest number that the profile names
	bounded bool   // what is newer isn't there
}

// add adds what the profile says. Names that this kernel's table hasn't are left out,
// as libseccomp does.
func (s *section) add(entries []entry, fallback action) error {
	numbers := s.abi.numbers()
	for i := range entries {
		e := &entries[i]
		rules, err := e.rules()
		if err != nil {
			return err
		}
		for _, name := range e.Names {
			number, known := numbers[name]
			if known {
				s.newest = max(s.newest, number)
			}
			if rules[0].action == fallback {
				continue
			}
			if known {
				s.rules[number] = append(s.rules[number], rules...)
			}
			s.multiplex(numbers, name, rules[0].action)
		}
	}
	for number, rules := range s.rules {
		slices.SortStableFunc(rules, func(a, b rule) int { return cmp.Compare(a.action.strictness(), b.action.strictness()) })
		if i := slices.IndexFunc(rules, func(r rule) bool { return len(r.conditions) == 0 }); i >= 0 {
			rules = rules[:i+1]
			// Before it only what it is not itself matters.
			last := rules[i].action
			rules = append(slices.DeleteFunc(slices.Clone(rules[:i]), func(r rule) bool { return r.action == last }), rules[i])
		}
		s.rules[number] = rules
	}
	return nil
}

// multiplex adds the rule of a call for what it is reached through as well, whatever
// its arguments, which can't be seen there; as libseccomp does.
func (s *section) multiplex(numbers map[string]uint32, name string, a action) {
	by, n, ok := through(name)
	if number, known := numbers[by]; ok && known {
		s.rules[number] = append(s.rules[number],
			rule{action: a, conditions: []condition{{op: "SCMP_CMP_EQ", mask: ^uint64(0), value: n}}})
	}
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

// section goes through the numbers from the least on: those in a row that have the same
// action are compared at once.
func (f *filter) section(s *section) {
	p := &f.program
	if s.abi.name == "SCMP_ARCH_S390X" && s.bounded {
		p.when(ifEqual, 0) // what the kernel doesn't know arrives as this one
		p.ret(errno | enosys)
	}
	if s.bounded {
		p.when(ifAbove, s.newest)
		p.ret(errno | enosys)
	}
	numbers := make([]uint32, 0, len(s.rules))
	for n := range s.rules {
		numbers = append(numbers, n)
	}
	slices.Sort(numbers)
	next := uint32(0)
	for i := 0; i < len(numbers); {
		first := numbers[i]
		if first != next {
			p.unless(ifLeast, first)
			p.ret(f.fallback)
		}
		rules := s.rules[first]
		if len(rules[0].conditions) > 0 {
			f.conditional(&s.abi, first, rules)
			next = first + 1
			i++
			continue
		}
		last := first
		for i++; i < len(numbers) && numbers[i] == last+1 && s.rules[numbers[i]][0].conditions == nil &&
			s.rules[numbers[i]][0].action == rules[0].action; i++ {
			last++
		}
		p.unless(ifAbove, last)
		p.ret(rules[0].action)
		next = last + 1
	}
	p.ret(f.fallback)
}

// conditional is one call whose arguments matter.
func (f *filter) conditional(a *abi, number uint32, rules []rule) {
	p := &f.program
	var other label
	p.unless(ifEqual, number)
	p.jump(&other)
	for _, r := range rules {
		var no label
		for _, c := range r.conditions {
			p.test(a, c, &no)
		}
		p.ret(r.action)
		p.here(no)
	}
	if len(rules[len(rules)-1].conditions) > 0 {
		p.ret(f.fallback)
	}
	p.here(other)
}
