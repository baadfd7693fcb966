//go:build !linux || !(amd64 || arm || arm64 || ppc64le || riscv64 || s390x)

package seccomp

// abis returns nothing: there is no seccomp, or no table of calls, for this platform.
func abis() []abi { return nil }
