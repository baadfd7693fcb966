//go:build linux

package session

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/inroot"
)

// nullDevice opens the null device that a command gets.
type nullDevice func(flag int) (*os.File, error)

// hostNull is the null device of the host. By the engine that is the one of the process
// that started the helper's container.
func hostNull(remote *Remote) nullDevice {
	name := os.DevNull
	if remote != nil {
		name = hostsNull()
	}
	return func(flag int) (*os.File, error) { return os.OpenFile(name, flag, 0) }
}

// errNoNull says that there is no null device where it should be.
var errNoNull = errors.New("not the null device")

// noNull gives none.
func noNull(int) (*os.File, error) { return nil, errNoNull }

// nullBeneath is the container's own null device. The host's would be the caller's: even
// read-only, its mode can be changed through it. The container may have put anything in
// its place, so it is looked at before it is opened.
func nullBeneath(root *os.File) nullDevice {
	return func(flag int) (*os.File, error) {
		at, err := inroot.OpenPath(root, os.DevNull)
		if err != nil {
			return nil, err
		}
		defer at.Close()
		if !isNull(int(at.Fd())) {
			return nil, errNoNull
		}
		f, err := inroot.Reopen(at, flag)
		if err != nil {
			return nil, err
		}
		return f, unix.SetNonblock(int(f.Fd()), false)
	}
}

// orMade is a null device that is made where null gives none.
func orMade(null nullDevice) nullDevice {
	return func(flag int) (*os.File, error) {
		f, err := null(flag)
		if err == nil {
			return f, nil
		}
		made, errMade := madeNull(flag)
		if errMade != nil {
			return nil, fmt.Errorf("%w, and none can be made: %w", err, errMade) // CAP_MKNOD is missing
		}
		return made, nil
	}
}

// madeNull makes a null device that is nobody else's, on a file system that is mounted nowhere: it
// goes away with the last descriptor of it.
func madeNull(flag int) (*os.File, error) {
	fs, err := unix.Fsopen("tmpfs", unix.FSOPEN_CLOEXEC)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fs)
	if err := unix.FsconfigCreate(fs); err != nil {
		return nil, err
	}
	mount, err := unix.Fsmount(fs, unix.FSMOUNT_CLOEXEC, unix.MOUNT_ATTR_NOSUID|unix.MOUNT_ATTR_NOEXEC)
	if err != nil {
		return nil, err
	}
	defer unix.Close(mount)
	const name, mode = "null", 0o666
	if err := unix.Mknodat(mount, name, unix.S_IFCHR|mode, int(unix.Mkdev(1, 3))); err != nil {
		return nil, err
	}
	if err := unix.Fchmodat(mount, name, mode, 0); err != nil { // whatever the umask is
		return nil, err
	}
	fd, err := unix.Openat(mount, name, flag|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), name), nil
}

// isNull tells whether a descriptor is the null device.
func isNull(fd int) bool {
	var st unix.Stat_t
	return unix.Fstat(fd, &st) == nil && st.Mode&unix.S_IFMT == unix.S_IFCHR && st.Rdev == unix.Mkdev(1, 3)
}
