package seccomp

import _ "embed"

//go:embed syscalls/s390x.txt
var s390x string

// abis returns the ABIs of this kernel, without that of 31-bit programs, whose calls are killed.
func abis() []abi {
	return []abi{{name: "SCMP_ARCH_S390X", audit: 0x80000016, calls: s390x, long: true, big: true}}
}
