//go:build linux

package procfs

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Login returns the login uid and the audit session that the kernel keeps for this process and its children,
// pam_loginuid(8). Each is nil if it was never set or the kernel has no audit support.
func Login() (uid, session *uint32) {
	return readID("/proc/self/loginuid"), readID("/proc/self/sessionid")
}

func readID(file string) *uint32 {
	fd, err := unix.Open(file, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil
	}
	defer unix.Close(fd)
	var buf [32]byte
	size, err := unix.Read(fd, buf[:])
	if err != nil {
		return nil
	}
	n, err := strconv.ParseUint(strings.TrimSpace(string(buf[:size])), 10, 32)
	if err != nil || n == math.MaxUint32 { // MaxUint32 means unset
		return nil
	}
	id := uint32(n)
	return &id
}

// OverflowUID returns the uid that the kernel shows for a user without a mapping in this user namespace,
// user_namespaces(7).
func OverflowUID() uint32 { return overflowUID("/proc/sys/kernel/overflowuid") }

func overflowUID(file string) uint32 {
	if uid := readID(file); uid != nil {
		return *uid
	}
	return 65534 // DEFAULT_OVERFLOWUID of the kernel's include/linux/highuid.h
}

// ControllingTerminal returns the path of this process's controlling terminal, "" without one.
func ControllingTerminal() string {
	fd, err := unix.Open("/dev/tty", unix.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return ""
	}
	defer unix.Close(fd)
	device, err := unix.IoctlGetUint32(fd, unix.TIOCGDEV)
	if err != nil {
		return ""
	}
	return terminalName(uint64(device))
}

// terminalName returns the path of a terminal device, by the kernel's Documentation/admin-guide/devices.txt.
func terminalName(device uint64) string {
	major, minor := unix.Major(device), unix.Minor(device)
	switch {
	case major == 136:
		return "/dev/pts/" + strconv.Itoa(int(minor))
	case major == 4 && minor < 64:
		return "/dev/tty" + strconv.Itoa(int(minor))
	case major == 4:
		return "/dev/ttyS" + strconv.Itoa(int(minor)-64)
	}
	return fmt.Sprintf("device %d:%d", major, minor)
}
