//go:build linux

package join

import (
	"fmt"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/procfs"
)

// slack is for descriptors that other threads open before the fork: the lowest numbers that
// are free.
const slack = 64

// lastDescriptor is the highest that a child may have inherited; 0 where close_range(2), since
// Linux 5.9, closes whatever there is. A descriptor of the caller's may be above any limit.
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
	return uintptr(slices.Max(open)) + slack, nil // there is one of the list itself
}
