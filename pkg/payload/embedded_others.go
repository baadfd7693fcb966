//go:build !linux || !(amd64 || arm64 || arm || riscv64 || ppc64le || s390x)

package payload

const embedded = "" // no engine's containers run on this system
