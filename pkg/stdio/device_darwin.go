package stdio

import (
	"os"

	"golang.org/x/sys/unix"
)

const fionread = 0x4004667f // FIONREAD of sys/filio.h

func isNullDevice(device uint64) bool          { return isDevice(device, os.DevNull) }
func isControllingTerminal(device uint64) bool { return isDevice(device, "/dev/tty") }

func isDevice(device uint64, path string) bool {
	var st unix.Stat_t
	return unix.Stat(path, &st) == nil && device == uint64(st.Rdev)
}

// ioctlNumber calls an ioctl(2) that stores a number. All machines that run macOS are little-endian.
func ioctlNumber(fd int, request uint) (int, error) { return unix.IoctlGetInt(fd, request) }
