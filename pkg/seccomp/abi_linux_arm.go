package seccomp

import _ "embed"

//go:embed syscalls/arm.txt
var arm string

// abis returns the ABIs of this kernel. A 64-bit kernel also has SCMP_ARCH_AARCH64, but the programs
// of a 32-bit engine do not use it, and calls of an ABI that the profile does not name are killed.
func abis() []abi { return []abi{{name: "SCMP_ARCH_ARM", audit: 0x40000028, calls: arm}} }
