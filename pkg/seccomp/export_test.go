package seccomp

// CompileAs compiles for a kernel that has one ABI, with these calls.
func (p *Profile) CompileAs(calls string, long, big bool) ([]Instruction, error) {
	return p.compile([]abi{{name: "TEST", audit: 7, calls: calls, long: long, big: big}})
}

// Numbers are the calls of this kernel's own ABI.
func Numbers() map[string]uint32 {
	numbers := make(map[string]uint32)
	own := abis()[0]
	own.each(func(number uint32, name string) { numbers[name] = number })
	return numbers
}
