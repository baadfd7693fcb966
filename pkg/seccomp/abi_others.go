//go:build !linux || !(amd64 || arm || arm64 || ppc64le || riscv64 || s390x)

package seccomp

// abis are none: nothing is filtered here.
func abis() []abi { return nil }
