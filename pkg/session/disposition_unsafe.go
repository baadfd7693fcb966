//go:build linux

package session

import (
	"os/signal"
	"unsafe"

	"golang.org/x/sys/unix"
)

// ends are the signals that end us by default, and that a user ends us by.
func ends() []unix.Signal {
	return []unix.Signal{unix.SIGHUP, unix.SIGINT, unix.SIGQUIT, unix.SIGTERM}
}

// LetSignalsEnd gives the signals that end a process their default action again, until
// a session begins. Go's runtime handles them by default, which does the same, but
// not where a thread waits for a file system whose server has gone: what it waits
// for can only be interrupted by what ends it at once.
func LetSignalsEnd() {
	for _, sig := range ends() {
		if !ignored(sig) {
			signal.Ignore(sig) // the runtime's way to give up its handler
			var byDefault sigaction
			_, _, _ = unix.RawSyscall6(unix.SYS_RT_SIGACTION, uintptr(sig), uintptr(unsafe.Pointer(&byDefault)), 0, sizeOfSet, 0, 0)
		}
	}
}

// ignored tells whether a signal is ignored, as nohup has it. Go's own function also
// says so of those that were left to the kernel.
func ignored(sig unix.Signal) bool {
	var now sigaction
	_, _, errno := unix.RawSyscall6(unix.SYS_RT_SIGACTION, uintptr(sig), 0, uintptr(unsafe.Pointer(&now)), sizeOfSet, 0, 0)
	const ignore = 1 // SIG_IGN
	return errno == 0 && now.handler == ignore
}

// sigaction begins as the kernel's struct sigaction, sigaction(2), and is as large as
// the largest: what follows the handler differs between architectures.
type sigaction struct {
	handler uintptr
	rest    [64]byte
}

const sizeOfSet = 8 // bytes of a sigset_t
