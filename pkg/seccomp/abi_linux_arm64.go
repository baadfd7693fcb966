package seccomp

import _ "embed"

var (
	//go:embed syscalls/arm64.txt
	arm64 string
	//go:embed syscalls/arm.txt
	arm string
)

// abis returns the ABIs of this kernel, the native one first.
func abis() []abi {
	return []abi{
		{name: "SCMP_ARCH_AARCH64", audit: 0xc00000b7, calls: arm64, long: true},
		{name: "SCMP_ARCH_ARM", audit: 0x40000028, calls: arm},
	}
}
