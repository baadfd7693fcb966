package seccomp

// CompileAs compiles for a kernel that has one ABI, with these calls.
func (p *Profile) CompileAs(calls string, long, big bool) ([]Instruction, error) {
	return p.compile([]abi{{name: "TEST", audit: 7, calls: calls, long: long, big: big}})
}

// CompileFor compiles for a kernel that has these ABIs.
func (p *Profile) CompileFor(known []ABI) ([]Instruction, error) {
	list := make([]abi, 0, len(known))
	for _, a := range known {
		list = append(list, abi(a))
	}
	return p.compile(list)
}

// ABI is one way to call a kernel.
type ABI abi

// NewABI is an ABI; calls are the text of a file of syscalls.
func NewABI(name string, audit uint32, calls string, long, big, x32 bool) ABI {
	return ABI{name: name, audit: audit, calls: calls, long: long, big: big, x32: x32}
}

// OwnABIs are those of this kernel.
func OwnABIs() []ABI {
	var list []ABI
	for _, a := range abis() {
		list = append(list, ABI(a))
	}
	return list
}

// Name is as in a profile, Audit is AUDIT_ARCH_….
func (a ABI) Name() string  { return a.name }
func (a ABI) Audit() uint32 { return a.audit }

// Each gives the calls, by their numbers.
func (a ABI) Each(do func(number uint32, name string)) { (*abi)(&a).each(do) }

// Through gives the calls that are reached through another one, by its first argument.
func Through(name string, do func(number uint64, other string)) { through(name, do) }

// Numbers are the calls of this kernel's own ABI.
func Numbers() map[string]uint32 {
	numbers := make(map[string]uint32)
	own := abis()[0]
	own.each(func(number uint32, name string) { numbers[name] = number })
	return numbers
}

// RunForTest runs a program that looks at nothing.
func RunForTest(program []Instruction) uint32 {
	a, _ := run(program, func(uint32) uint32 { return 0 })
	return uint32(a)
}
