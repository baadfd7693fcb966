//go:build linux

// Package thread runs what may not be left behind on a thread: a root directory that is not
// the process's, or another process that it traces.
package thread

import (
	"runtime"

	"golang.org/x/sys/unix"
)

// Run runs f on a thread of its own that ends with it. With a thread ends whatever it traces
// being traced, and the directories that it changed to alone. The main thread is never taken: it
// can't end before the process, and its directory in /proc is the process's.
func Run(f func()) {
	ended := make(chan struct{})
	go run(func() { defer close(ended); f() })
	<-ended
}

func run(f func()) {
	runtime.LockOSThread()
	if unix.Gettid() != unix.Getpid() {
		f()
		return // and never unlocked
	}
	Run(f)
	runtime.UnlockOSThread()
}
