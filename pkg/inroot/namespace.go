//go:build linux

package inroot

import (
	"fmt"
	"os"
	"runtime"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/thread"
)

// OfNamespace opens the root directory of a mount namespace; mounts is an open file of the namespace. It is the
// root of a process that joins the namespace. A process inside may have another root, by chroot(2), and its
// /proc/PID/root shows that one.
//
// Only a thread that joins the namespace can get it from the kernel. The thread does nothing else there and ends;
// it is not in the container's pid namespace. It needs CAP_SYS_ADMIN over the mount namespace, and CAP_SYS_CHROOT.
func OfNamespace(mounts *os.File) (*os.File, error) {
	var fd int
	var err error
	thread.Run(func() { fd, err = joinAndOpen(int(mounts.Fd())) })
	runtime.KeepAlive(mounts)
	if err != nil {
		return nil, fmt.Errorf("root of the mount namespace: %w", err)
	}
	return os.NewFile(uintptr(fd), "/"), nil
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
