//go:build linux

package session

import (
	"os/signal"
	"unsafe"

	"golang.org/x/sys/unix"
)

// fatalSignals returns the signals by which users end a process: terminating signals in the comments here.
func fatalSignals() []unix.Signal {
	return []unix.Signal{unix.SIGHUP, unix.SIGINT, unix.SIGQUIT, unix.SIGTERM}
}

// RestoreDefaultActions gives the terminating signals the kernel's default action until a session
// begins. Go's handlers would end the helper too, but not while a thread waits for a file
// system whose server is gone: only a signal that the kernel acts on itself interrupts that.
func RestoreDefaultActions() {
	for _, sig := range fatalSignals() {
		if !ignored(sig) {
			signal.Ignore(sig) // makes the runtime remove its handler
			var defaultAction sigaction
			_, _, _ = unix.RawSyscall6(unix.SYS_RT_SIGACTION, uintptr(sig), uintptr(unsafe.Pointer(&defaultAction)), 0, sizeOfSet, 0, 0)
		}
	}
}

// ignored reports whether a signal is ignored, as under nohup. signal.Ignored is also true for
// the signals that RestoreDefaultActions has reset.
func ignored(sig unix.Signal) bool {
	var current sigaction
	_, _, errno := unix.RawSyscall6(unix.SYS_RT_SIGACTION, uintptr(sig), 0, uintptr(unsafe.Pointer(&current)), sizeOfSet, 0, 0)
	const ignore = 1 // SIG_IGN
	return errno == 0 && current.handler == ignore
}

// sigaction begins like the kernel's struct sigaction, sigaction(2), and is at least as large: the fields
// after the handler differ between architectures.
type sigaction struct {
	handler uintptr
	rest    [64]byte
}

const sizeOfSet = 8 // bytes in a sigset_t
