package seccomp

import _ "embed"

//go:embed syscalls/riscv64.txt
var riscv64 string

// abis returns the ABIs of this kernel.
func abis() []abi {
	return []abi{{name: "SCMP_ARCH_RISCV64", audit: 0xc00000f3, calls: riscv64, long: true}}
}
