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
	return inNamespace(mounts, func() (int, error) {
		return unix.Open("/", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	})
}

// MountsOfNamespace opens the mountinfo of a mount namespace, like OfNamespace: that of a process inside lacks what cannot
// be reached from the root directory of the process. It can be read again, from its beginning, and shows later mounts.
func MountsOfNamespace(mounts *os.File) (*os.File, error) {
	proc, err := unix.Open("/proc", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0) // not that of the namespace
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: "/proc", Err: err}
	}
	defer unix.Close(proc)
	return inNamespace(mounts, func() (int, error) {
		return unix.Openat(proc, "thread-self/mountinfo", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	})
}

// CloneOfNamespace clones the root directory of a mount namespace with all mounts beneath it, like OfNamespace. The
// clones get attributes, mount_setattr(2), and are private before they are returned: a mount that a peer makes later
// would not have the attributes. The clone is mounted nowhere, and ends with the file. It needs Linux 5.12, or 5.14 for
// MOUNT_ATTR_NOSYMFOLLOW.
func CloneOfNamespace(mounts *os.File, attributes uint64) (*os.File, error) {
	return inNamespace(mounts, func() (int, error) {
		fd, err := unix.OpenTree(unix.AT_FDCWD, "/", unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC|unix.AT_RECURSIVE)
		if err != nil {
			return -1, fmt.Errorf("open_tree: %w", err)
		}
		set := &unix.MountAttr{Attr_set: attributes, Propagation: unix.MS_PRIVATE}
		if err := unix.MountSetattr(fd, "", unix.AT_EMPTY_PATH|unix.AT_RECURSIVE, set); err != nil {
			unix.Close(fd)
			return -1, fmt.Errorf("mount_setattr: %w", err)
		}
		return fd, nil
	})
}

// inNamespace returns the file that f opens in a mount namespace.
func inNamespace(mounts *os.File, f func() (int, error)) (*os.File, error) {
	var fd int
	var err error
	thread.Run(func() {
		if err = unix.Unshare(unix.CLONE_FS); err != nil {
			err = fmt.Errorf("unshare: %w", err)
		} else if err = unix.Setns(int(mounts.Fd()), unix.CLONE_NEWNS); err != nil {
			err = fmt.Errorf("setns: %w", err)
		} else {
			fd, err = f()
		}
	})
	runtime.KeepAlive(mounts)
	if err != nil {
		return nil, fmt.Errorf("root of the mount namespace: %w", err)
	}
	return os.NewFile(uintptr(fd), "/"), nil
}
