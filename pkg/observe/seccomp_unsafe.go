//go:build linux

package observe

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/plan"
	"github.com/nsjoin/docker-nsjoin/pkg/seccomp"
)

// readFilter reads filter i, of which 0 is the oldest, of a stopped process that this thread traces.
// PTRACE_SECCOMP_GET_FILTER without a buffer returns the number of instructions; the buffer must have that
// size.
func readFilter(pid, i int) (plan.Filter, error) {
	n, _, errno := unix.RawSyscall6(unix.SYS_PTRACE, unix.PTRACE_SECCOMP_GET_FILTER, uintptr(pid), uintptr(i), 0, 0, 0)
	if errno != 0 {
		return plan.Filter{}, fmt.Errorf("size of filter %d: %w", i, errno)
	}
	if n == 0 || n > unix.BPF_MAXINSNS {
		return plan.Filter{}, fmt.Errorf("filter %d has %d instructions", i, n)
	}
	program := make([]seccomp.Instruction, n)
	got, _, errno := unix.RawSyscall6(unix.SYS_PTRACE, unix.PTRACE_SECCOMP_GET_FILTER,
		uintptr(pid), uintptr(i), uintptr(unsafe.Pointer(&program[0])), 0, 0)
	if errno != 0 {
		return plan.Filter{}, fmt.Errorf("read filter %d: %w", i, errno)
	}
	if got != n {
		return plan.Filter{}, fmt.Errorf("filter %d changed from %d to %d instructions", i, n, got)
	}
	return plan.Filter{Program: program}, nil
}
