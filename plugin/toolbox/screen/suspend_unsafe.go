package screen

import (
	"os"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// stop stops the process as SIGTSTP does by default: it returns when the process is continued, or at once without job control.
// Package signal cannot restore that default: after Reset, the signal is ignored.
func stop() {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	const setSize = 8
	var byDefault, old [16]uint64 // a struct sigaction of any architecture
	_, _, errno := unix.RawSyscall6(unix.SYS_RT_SIGACTION, uintptr(unix.SIGTSTP), uintptr(unsafe.Pointer(&byDefault)), uintptr(unsafe.Pointer(&old)), setSize, 0, 0)
	if errno != 0 {
		return
	}
	_ = unix.Tgkill(os.Getpid(), unix.Gettid(), unix.SIGTSTP) // the process is stopped before this returns
	_, _, _ = unix.RawSyscall6(unix.SYS_RT_SIGACTION, uintptr(unix.SIGTSTP), uintptr(unsafe.Pointer(&old)), 0, setSize, 0, 0)
}
