//go:build linux

package join

import (
	"fmt"
	"os"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/procfs"
)

// streams duplicates the standard streams to their numbers.
func (c *compiler) streams(stdio [3]*os.File) {
	for fd, f := range stdio {
		if f.Fd() != uintptr(fd) {
			c.call(unix.SYS_DUP3, f.Fd(), uintptr(fd), 0)
		}
	}
}

// closeOthers closes all descriptors but the standard streams, the two pipes, and those of the
// caller's that the command inherits, so that nothing of ours is visible inside the container.
//
// A command that inherits none has a table of 64 descriptors, as docker exec's. The kernel makes the table of
// a fork as large as the highest descriptor asks for (FDSize, proc(5)), so the pipes get low numbers before.
func (c *compiler) closeOthers() {
	if len(c.held.Inherited) == 0 {
		c.add(lowerPipes, 0, 3, 4)
		c.add(closeRange, 0, 5, maxFD)
		return
	}
	keep := append([]int{int(c.prog.notify), int(c.prog.sync)}, c.held.Inherited...)
	slices.Sort(keep)
	next := uintptr(3)
	for _, fd := range keep {
		c.add(closeRange, 0, next, uintptr(fd))
		next = uintptr(fd) + 1
	}
	c.add(closeRange, 0, next, maxFD)
}

// slack is room for descriptors that other threads open before the fork: they get the lowest free
// numbers.
const slack = 64

// lastDescriptor is the highest descriptor that a child may inherit, which may be above any limit, or 0
// if the kernel has close_range(2), since Linux 5.9.
func lastDescriptor() (uintptr, error) {
	if unix.CloseRange(maxFD-1, maxFD-1, 0) == nil {
		return 0, nil
	}
	return highest()
}

func highest() (uintptr, error) {
	open, err := procfs.Numbers("/proc/self/fd")
	if err != nil {
		return 0, fmt.Errorf("descriptors to be closed: %w", err)
	}
	return uintptr(slices.Max(open)) + slack, nil // never empty: the list has its own descriptor
}
