package seccomp

// CompileAs compiles for a kernel with a single ABI that has these calls.
func (p *Profile) CompileAs(calls string, long, big bool) ([]Instruction, error) {
	return p.compile([]abi{{name: "TEST", audit: 7, calls: calls, long: long, big: big}})
}

// CompileFor compiles for a kernel with these ABIs.
func (p *Profile) CompileFor(known []ABI) ([]Instruction, error) {
	list := make([]abi, 0, len(known))
	for _, a := range known {
		list = append(list, abi(a))
	}
	return p.compile(list)
}

// ABI is a system call interface.
type ABI abi

// NewABI returns an ABI. calls is the content of a file in syscalls.
func NewABI(name string, audit uint32, calls string, long, big, x32 bool) ABI {
	return ABI{name: name, audit: audit, calls: calls, long: long, big: big, x32: x32}
}

// OwnABIs returns the ABIs of this kernel.
func OwnABIs() []ABI {
	var list []ABI
	for _, a := range abis() {
		list = append(list, ABI(a))
	}
	return list
}

// Name returns the name in a profile.
func (a ABI) Name() string { return a.name }

// Audit returns AUDIT_ARCH_….
func (a ABI) Audit() uint32 { return a.audit }

// Each calls do for each system call.
func (a ABI) Each(do func(number uint32, name string)) { (*abi)(&a).each(do) }

// Multiplexed calls do for each call that can be made through the named one.
func Multiplexed(name string, do func(number uint64, other string)) { multiplexed(name, do) }

// Numbers returns the numbers of the calls of this kernel's native ABI.
func Numbers() map[string]uint32 {
	numbers := make(map[string]uint32)
	own := abis()[0]
	own.each(func(number uint32, name string) { numbers[name] = number })
	return numbers
}

// RunForTest runs a program that loads no data.
func RunForTest(program []Instruction) uint32 {
	a, _ := run(program, func(uint32) (uint32, bool) { return 0, true })
	return uint32(a)
}
