package stdio

import "golang.org/x/sys/unix"

const fionread = unix.TIOCINQ

// The numbers of devices are the same on every Linux, admin-guide/devices.txt of the kernel.
func isNullDevice(device uint64) bool          { return device == unix.Mkdev(1, 3) }
func isControllingTerminal(device uint64) bool { return device == unix.Mkdev(5, 0) }

// ioctlNumber calls an ioctl(2) that stores a number of four bytes. IoctlGetInt expects eight bytes, so on
// a big-endian machine it would return the wrong half.
func ioctlNumber(fd int, request uint) (int, error) {
	n, err := unix.IoctlGetUint32(fd, request)
	return int(n), err
}
