// Package dirnames lists the names in a directory.
package dirnames

import (
	"errors"
	"os"
	"slices"

	"golang.org/x/sys/unix"
)

// In returns the sorted names in a directory that was opened for reading; more than most if there are more. It does not
// ask what is at the names. Not os.ReadDir and slices.Sort, which make the helper 20 KB larger.
func In(dir *os.File, most int) (names []string, err error) {
	buf := make([]byte, 8<<10)
	for len(names) <= most {
		n, err := unix.ReadDirent(int(dir.Fd()), buf)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil || n <= 0 {
			return names, err
		}
		_, _, some := unix.ParseDirent(buf[:n], -1, nil)
		for _, name := range some {
			at, _ := slices.BinarySearch(names, name)
			names = slices.Insert(names, at, name)
		}
	}
	return names, nil
}
