//go:build linux

package kernel

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// cookie returns the core scheduling cookie of this thread, PR_SCHED_CORE(2const); 0 without one.
func cookie() uint64 {
	var cookie uint64
	if err := unix.Prctl(unix.PR_SCHED_CORE, unix.PR_SCHED_CORE_GET, 0, unix.PR_SCHED_CORE_SCOPE_THREAD, uintptr(unsafe.Pointer(&cookie))); err != nil {
		return 0
	}
	return cookie
}
