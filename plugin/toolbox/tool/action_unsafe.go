package tool

import (
	"os"
	"os/signal"
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// DefaultAction has a signal do what it does for a program in C: Go would print all goroutines for SIGQUIT, and has only a way
// back to what a signal did at the start: rt_sigaction(2). signal.Notify still works afterwards.
func DefaultAction(s syscall.Signal) {
	signal.Ignore(s)      // Go no longer handles it
	var action [8]uintptr // more than a struct sigaction; zero is SIG_DFL
	_, _, _ = unix.RawSyscall6(unix.SYS_RT_SIGACTION, uintptr(s), uintptr(unsafe.Pointer(&action)), 0, 8, 0, 0)
}

// Stop stops the process as SIGTSTP does by default: it returns when the process is continued, or at once without job control.
// Package signal cannot restore that default: after Reset, the signal is ignored.
func Stop() {
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
