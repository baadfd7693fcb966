//go:build unix && !linux

package programs

import "golang.org/x/sys/unix"

// openWithoutLinks is open(2), but fails with ELOOP if there is a symbolic link on the way.
func openWithoutLinks(path string, flags int, mode uint32) (int, error) {
	if hasLink(path) {
		return -1, unix.ELOOP
	}
	return unix.Open(path, flags, mode)
}
