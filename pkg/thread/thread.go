//go:build linux

// Package thread runs functions on a thread that must not be used afterwards: it has another root directory than
// the process, or traces another process.
package thread

import (
	"runtime"

	"golang.org/x/sys/unix"
)

// Run runs f on a thread of its own, which ends with f. Then the kernel detaches the processes that the thread
// traces, and releases the thread's directories. It is never the main thread, which can't end before the
// process and whose directory in /proc is the process's.
func Run(f func()) {
	ended := make(chan struct{})
	go run(func() { defer close(ended); f() })
	<-ended
}

func run(f func()) {
	runtime.LockOSThread()
	if unix.Gettid() != unix.Getpid() {
		f()
		return // the thread ends, since it is still locked
	}
	Run(f)
	runtime.UnlockOSThread()
}
