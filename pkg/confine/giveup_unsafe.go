//go:build linux

package confine

import (
	"errors"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/seccomp"
)

// dropCapabilities drops all capabilities of all threads. A program with cgo, such as a test under the race detector,
// can drop those of this thread only.
func dropCapabilities() error {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var none [2]unix.CapUserData
	_, _, errno := syscall.AllThreadsSyscall(unix.SYS_CAPSET, uintptr(unsafe.Pointer(&header)), uintptr(unsafe.Pointer(&none[0])), 0)
	if errno == syscall.ENOTSUP {
		return unix.Capset(&header, &none[0])
	}
	if errno != 0 {
		return errno
	}
	return nil
}

// loadFilter loads a seccomp filter into all threads, which get the no_new_privs of this one with it.
func loadFilter(filter []seccomp.Instruction) error {
	if len(filter) == 0 {
		return errors.New("an empty filter")
	}
	program := unix.SockFprog{
		Len:    uint16(len(filter)), //nolint:gosec // below BPF_MAXINSNS
		Filter: (*unix.SockFilter)(unsafe.Pointer(&filter[0])),
	}
	failed, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_TSYNC, uintptr(unsafe.Pointer(&program)))
	if errno != 0 {
		return errno
	}
	if failed != 0 {
		return errors.New("a thread has another filter")
	}
	return nil
}
