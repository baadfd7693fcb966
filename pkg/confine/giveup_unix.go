//go:build unix && !linux

package confine

import (
	"fmt"
	"io"
	"syscall"

	"golang.org/x/sys/unix"
)

// giveUp gives up what this system lets a process give up: root's user, and resources. It returns the standard
// streams.
func giveUp() (io.Reader, io.Writer, error) {
	const in, out = descriptor(0), descriptor(1)
	if unix.Geteuid() == 0 {
		for _, err := range []error{syscall.Setgroups([]int{nobody}), syscall.Setgid(nobody), syscall.Setuid(nobody)} {
			if err != nil {
				return in, out, fmt.Errorf("change the user: %w", err)
			}
		}
	}
	for resource, most := range map[int]uint64{
		unix.RLIMIT_CPU: cpuSeconds, unix.RLIMIT_FSIZE: 0, unix.RLIMIT_CORE: 0, unix.RLIMIT_NOFILE: 3, unix.RLIMIT_NPROC: 0,
		unix.RLIMIT_DATA: moreMemory,
	} {
		var old unix.Rlimit
		if err := unix.Getrlimit(resource, &old); err != nil {
			return in, out, fmt.Errorf("getrlimit %d: %w", resource, err)
		}
		most = min(most, old.Max)
		if err := unix.Setrlimit(resource, &unix.Rlimit{Cur: most, Max: most}); err != nil {
			return in, out, fmt.Errorf("setrlimit %d: %w", resource, err)
		}
	}
	return in, out, nil
}
