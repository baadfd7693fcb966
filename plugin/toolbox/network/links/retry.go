package links

import (
	"errors"

	"github.com/vishvananda/netlink"
)

// dumped repeats a question to the kernel whose answer was interrupted by a change, such as an interface that comes or
// goes. In a network that changes all the time, the last answer is taken: most of it is right.
func dumped[T any](ask func() ([]T, error)) ([]T, error) {
	var list []T
	var err error
	for range 10 {
		if list, err = ask(); !errors.Is(err, netlink.ErrDumpInterrupted) {
			return list, err
		}
	}
	return list, nil
}
