//go:build linux

package session

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/inroot"
	"github.com/nsjoin/docker-nsjoin/pkg/stdio"
)

// nullDevice opens a null device.
type nullDevice func(flag int) (*os.File, error)

// hostNull returns the host's null device. In a container of the engine it is reached through the process
// that started that container.
func hostNull(remote *Remote) nullDevice {
	name := os.DevNull
	if remote != nil && !remote.client.Local {
		name = hostNullPath()
	}
	return func(flag int) (*os.File, error) { return os.OpenFile(name, flag, 0) }
}

var (
	errNotNullDevice = errors.New("the file is not the null device")
	errNullExposed   = errors.New("another container would get access to the container's null device")
)

// noNullDevice is for a command that is visible in another container: that container's root
// could open the command's descriptors.
func noNullDevice(int) (*os.File, error) { return nil, errNullExposed }

// containerNull returns the container's own null device. The host's is not passed in: even through a
// read-only descriptor its mode can be changed. The container may have replaced the file, so it
// is checked before it is opened.
func containerNull(root *os.File) nullDevice {
	return func(flag int) (*os.File, error) {
		at, err := inroot.OpenPath(root, os.DevNull)
		if err != nil {
			return nil, err
		}
		defer at.Close()
		if !stdio.IsNull(at) {
			return nil, errNotNullDevice
		}
		f, err := inroot.Reopen(at, flag)
		if err != nil {
			return nil, err
		}
		return f, unix.SetNonblock(int(f.Fd()), false)
	}
}

// orCreateNull falls back to a new null device if null fails.
func orCreateNull(null nullDevice) nullDevice {
	return func(flag int) (*os.File, error) {
		f, err := null(flag)
		if err == nil {
			return f, nil
		}
		created, errCreate := createNull(flag)
		if errCreate != nil {
			return nil, fmt.Errorf("%w, and a new one cannot be made: %w", err, errCreate) // for example without CAP_MKNOD
		}
		return created, nil
	}
}

// createNull makes a null device that nothing else uses, on a file system that is not mounted
// anywhere: it disappears with its last descriptor.
func createNull(flag int) (*os.File, error) {
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
	if err := unix.Fchmodat(mount, name, mode, 0); err != nil { // regardless of the umask
		return nil, err
	}
	fd, err := unix.Openat(mount, name, flag|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), name), nil
}
