//go:build linux

package main

import (
	"errors"
	"fmt"
	"math/bits"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// dropAllCapabilities takes all capabilities from all threads of this process, for good. The process must hide from
// tracers already: a process without capabilities could else be traced by any root user that sees it.
func dropAllCapabilities() error {
	for number := range uintptr(bits.UintSize) {
		_, _, failed := syscall.AllThreadsSyscall(unix.SYS_PRCTL, unix.PR_CAPBSET_DROP, number, 0)
		if errors.Is(failed, unix.EINVAL) {
			break // the kernel has no more
		}
		if failed != 0 {
			return fmt.Errorf("drop capability %d: %w", number, failed)
		}
	}
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var none [2]unix.CapUserData
	_, _, failed := syscall.AllThreadsSyscall(unix.SYS_CAPSET, uintptr(unsafe.Pointer(&header)), uintptr(unsafe.Pointer(&none)), 0)
	if failed != 0 {
		return fmt.Errorf("drop all capabilities: %w", failed)
	}
	return nil
}
