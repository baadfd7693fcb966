//go:build linux

package session

import (
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/procfs"
)

// Inherited lists the inherited descriptors above the standard streams, such as those of a shell's
// <(command) or make's job server. The helper's own are all close-on-exec.
func Inherited() ([]int, error) {
	all, err := procfs.Numbers("/proc/self/fd")
	if err != nil {
		return nil, fmt.Errorf("list the caller's descriptors: %w", err)
	}
	var fds []int
	for _, fd := range all {
		if fd <= 2 {
			continue
		}
		flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
		if err == nil && flags&unix.FD_CLOEXEC == 0 {
			fds = append(fds, fd)
		}
	}
	return fds, nil
}
