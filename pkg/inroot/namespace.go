//go:build linux

package inroot

import (
	"fmt"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// OfNamespace opens the root directory of a mount namespace, mounts an open file of it. It
// is what a process that joins has for its root. A process that is in it may have another one,
// by chroot(2), which its /proc/PID/root shows.
//
// The kernel tells it to nobody but a thread that joins. That one does nothing else there, and ends;
// it is not in the container's pid namespace. It takes CAP_SYS_ADMIN over the mount
// namespace, and CAP_SYS_CHROOT.
func OfNamespace(mounts *os.File) (*os.File, error) {
	type answer struct {
		fd  int
		err error
	}
	answers := make(chan answer, 1)
	go onThreadOfItsOwn(func() {
		fd, err := joinAndOpen(int(mounts.Fd()))
		answers <- answer{fd, err}
	})
	a := <-answers
	runtime.KeepAlive(mounts)
	if a.err != nil {
		return nil, fmt.Errorf("root of the mount namespace: %w", a.err)
	}
	return os.NewFile(uintptr(a.fd), "/"), nil
}

// onThreadOfItsOwn runs f on a thread that ends with it. The main thread, whose directory in
// /proc is the process's, is none that could.
func onThreadOfItsOwn(f func()) {
	runtime.LockOSThread()
	if unix.Gettid() != unix.Getpid() {
		f()
		return // and never unlocked
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		onThreadOfItsOwn(f)
	}()
	<-ended
	runtime.UnlockOSThread()
}

func joinAndOpen(mounts int) (int, error) {
	if err := unix.Unshare(unix.CLONE_FS); err != nil {
		return -1, fmt.Errorf("unshare: %w", err)
	}
	if err := unix.Setns(mounts, unix.CLONE_NEWNS); err != nil {
		return -1, fmt.Errorf("setns: %w", err)
	}
	return unix.Open("/", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
}
