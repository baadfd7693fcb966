//go:build linux

package join

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// statusOf returns the wait status in a result of waitid(2). si_status comes after three numbers, padding
// if pointers have 64 bits, si_pid and si_uid.
func statusOf(info *unix.Siginfo) unix.WaitStatus {
	const at = (12+unsafe.Sizeof(uintptr(0))-1)&^(unsafe.Sizeof(uintptr(0))-1) + 8
	status := *(*int32)(unsafe.Add(unsafe.Pointer(info), at))
	const exited, dumped, coreFlag = 1, 3, 0x80 // CLD_EXITED, CLD_DUMPED
	switch info.Code {
	case exited:
		return unix.WaitStatus(status << 8)
	case dumped:
		return unix.WaitStatus(status | coreFlag)
	}
	return unix.WaitStatus(status)
}
