package programs

import (
	"errors"
	"os"
	"slices"

	"golang.org/x/sys/unix"
)

// namesIn returns the sorted names in a directory; more than most if there are more. Not os.ReadDir and slices.Sort,
// which make the helper 20 KB larger.
func namesIn(dir *os.File, most int) (names []string, err error) {
	buf := make([]byte, 32<<10)
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
