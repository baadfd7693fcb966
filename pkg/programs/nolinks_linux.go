package programs

import (
	"errors"

	"golang.org/x/sys/unix"
)

// openWithoutLinks is open(2), but fails with ELOOP if there is a symbolic link on the way. The kernels before 5.6, and
// seccomp filters that do not know openat2(2), have their paths checked before.
func openWithoutLinks(path string, flags int, mode uint32) (int, error) {
	fd, err := unix.Openat2(unix.AT_FDCWD, path, &unix.OpenHow{Flags: uint64(flags), Resolve: unix.RESOLVE_NO_SYMLINKS})
	if errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.EPERM) {
		if hasLink(path) {
			return -1, unix.ELOOP
		}
		return unix.Open(path, flags, mode)
	}
	return fd, err
}
