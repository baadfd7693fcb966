//go:build linux

package join

import (
	"fmt"
	"os"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/procfs"
)

// streams duplicates the standard streams to their numbers, and closes those that are nil.
func (c *compiler) streams(stdio [3]*os.File) {
	for fd, f := range stdio {
		if f == nil {
			c.add(closeRange, 0, uintptr(fd), uintptr(fd)+1)
			continue
		}
		if f.Fd() != uintptr(fd) {
			c.call(unix.SYS_DUP3, f.Fd(), uintptr(fd), 0)
		}
	}
}

// closeOthers closes all descriptors but the standard streams, the two pipes, and those of the
// caller's that the command inherits, so that nothing of ours is visible inside the container.
//
// A command that inherits none has a table of 64 descriptors, like docker exec's. The kernel makes the table of
// a fork as large as the highest descriptor requires (FDSize, proc(5)), so the pipes get low numbers first.
func (c *compiler) closeOthers() {
	if !c.keepsNumbers() {
		c.add(lowerPipes, 0, 3, 4)
		first := uintptr(viewFD)
		if c.held.View != nil {
			c.call(unix.SYS_DUP3, c.held.View.Fd(), viewFD, unix.O_CLOEXEC)
			first++
		}
		c.add(closeRange, 0, first, maxFD)
		return
	}
	keep := slices.Concat([]int{int(c.prog.notify), int(c.prog.sync)}, c.viewFiles(), c.held.Inherited)
	ascending(keep)
	next := uintptr(3)
	for _, fd := range keep {
		c.add(closeRange, 0, next, uintptr(fd))
		next = uintptr(fd) + 1
	}
	c.add(closeRange, 0, next, maxFD)
}

// ascending sorts a list that is short or nearly sorted. slices.Sort would make the helper 6 KB larger.
func ascending(list []int) {
	for i := 1; i < len(list); i++ {
		for at := i; at > 0 && list[at] < list[at-1]; at-- {
			list[at], list[at-1] = list[at-1], list[at]
		}
	}
}

// keepsNumbers reports whether the pipes and the view keep their descriptors' numbers in the child: the command inherits
// descriptors of any number, or is on the host.
func (c *compiler) keepsNumbers() bool { return len(c.held.Inherited) > 0 || c.held.Clone != nil }

// freeDescriptors returns the two lowest numbers that are free after closeOthers.
func (c *compiler) freeDescriptors() [2]uintptr {
	used := []int{0, 1, 2, 3, 4}
	if c.keepsNumbers() {
		used = append([]int{0, 1, 2, int(c.prog.notify), int(c.prog.sync)}, c.held.Inherited...)
	}
	used = append(used, c.viewFiles()...)
	var free [2]uintptr
	found := 0
	for fd := 0; found < len(free); fd++ {
		if !slices.Contains(used, fd) {
			free[found] = uintptr(fd)
			found++
		}
	}
	return free
}

// slack is room for descriptors that other threads open before the fork: they get the lowest free
// numbers.
const slack = 64

// lastDescriptor returns the highest descriptor that a child may inherit, which may be above any limit, or 0
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
		return 0, fmt.Errorf("list the open descriptors: %w", err)
	}
	return uintptr(slices.Max(open)) + slack, nil // never empty: the list has its own descriptor
}
