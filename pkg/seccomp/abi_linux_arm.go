package seccomp

import _ "embed"

//go:embed syscalls/arm.txt
var arm string

// abis are those of this kernel. A 64-bit one would have its own as well, but nothing
// that came with a 32-bit engine uses it, and what a profile doesn't name is killed.
func abis() []abi { return []abi{{name: "SCMP_ARCH_ARM", audit: 0x40000028, calls: arm}} }
