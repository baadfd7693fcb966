package hook

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// StoppedChild returns a child that has stopped and that nobody has waited for since, and the signal that did it, or 0:
// waitid(2).
func StoppedChild() (pid int, signal syscall.Signal) {
	var info unix.Siginfo
	if err := unix.Waitid(unix.P_ALL, 0, &info, unix.WSTOPPED|unix.WNOHANG|unix.WNOWAIT, nil); err != nil {
		return 0, 0
	}
	return int(infoField(&info, 0)), syscall.Signal(infoField(&info, 2))
}

// StopSignal returns the signal that has stopped a child.
func StopSignal(info *unix.Siginfo) syscall.Signal { return syscall.Signal(infoField(info, 2)) }

// infoField returns one of the fields of waitid(2): pid, uid and status.
func infoField(info *unix.Siginfo, n int) int32 {
	const first = 3 * 4 // of the fields behind signo, errno and code
	at := (first + unsafe.Sizeof(uintptr(0)) - 1) / unsafe.Sizeof(uintptr(0)) * unsafe.Sizeof(uintptr(0))
	return *(*int32)(unsafe.Add(unsafe.Pointer(info), at+uintptr(4*n)))
}
