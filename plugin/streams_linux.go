package main

import "golang.org/x/sys/unix"

const (
	fionread   = unix.TIOCINQ
	getTermios = unix.TCGETS
	setTermios = unix.TCSETS
)

// ioctlNumber is ioctl(2) that stores a number of four bytes. IoctlGetInt takes eight for one,
// of which a big-endian machine's has the wrong half.
func ioctlNumber(fd int, request uint) (int, error) {
	n, err := unix.IoctlGetUint32(fd, request)
	return int(n), err
}
