package seccomp

import _ "embed"

var (
	//go:embed syscalls/amd64.txt
	amd64 string
	//go:embed syscalls/386.txt
	i386 string
)

// abis returns the ABIs of this kernel, the native one first.
func abis() []abi {
	const x86, x8664 = 0x40000003, 0xc000003e
	return []abi{
		{name: "SCMP_ARCH_X86_64", audit: x8664, calls: amd64, long: true},
		{name: "SCMP_ARCH_X32", audit: x8664, calls: amd64, x32: true},
		{name: "SCMP_ARCH_X86", audit: x86, calls: i386},
	}
}
