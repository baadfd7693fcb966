package seccomp

import _ "embed"

//go:embed syscalls/ppc64le.txt
var ppc64le string

// abis returns the ABIs of this kernel.
func abis() []abi {
	return []abi{{name: "SCMP_ARCH_PPC64LE", audit: 0xc0000015, calls: ppc64le, long: true}}
}
