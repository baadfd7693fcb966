//go:build linux

package join

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// What the child of a mount does besides plain calls. The rules of child_unsafe.go hold.

// callAndKeep makes a call with the arguments args[0] to args[4], and duplicates the descriptor that it returns to
// args[5].
//
//go:nosplit
//go:norace
func callAndKeep(o *instruction) syscall.Errno {
	fd, _, errno := syscall.RawSyscall6(o.call, o.args[0], o.args[1], o.args[2], o.args[3], o.args[4], 0)
	if errno != 0 {
		return errno
	}
	_, _, errno = syscall.RawSyscall(unix.SYS_DUP3, fd, o.args[5], unix.O_CLOEXEC)
	_, _, _ = syscall.RawSyscall(unix.SYS_CLOSE, fd, 0, 0)
	return errno
}

// reportNumbers reports the numbers of the mount whose root is the descriptor args[0]. args[1] is "".
//
//go:nosplit
//go:norace
func reportNumbers(p *program, o *instruction) syscall.Errno {
	const (
		unique  = 0x4000 // STATX_MNT_ID_UNIQUE
		flags   = unix.AT_EMPTY_PATH | unix.AT_STATX_DONT_SYNC | unix.AT_NO_AUTOMOUNT
		wanted  = unix.STATX_MNT_ID
		maskOff = unsafe.Offsetof(unix.Statx_t{}.Mask)
		idOff   = unsafe.Offsetof(unix.Statx_t{}.Mnt_id)
	)
	for _, ask := range [2]uintptr{wanted, unique} {
		_, _, errno := syscall.RawSyscall6(unix.SYS_STATX, o.args[0], o.args[1], flags, ask, uintptr(unsafe.Pointer(&p.statx)), 0)
		if errno != 0 {
			return errno
		}
		answered := uintptr(*(*uint32)(unsafe.Pointer(&p.statx[maskOff]))) & ask
		id := *(*uint64)(unsafe.Pointer(&p.statx[idOff]))
		switch {
		case ask == wanted && answered == 0:
			return unix.ENOSYS // Linux before 5.8
		case ask == wanted:
			p.report.mountID = id
		case answered != 0:
			p.report.uniqueID = id
		}
	}
	return 0
}

// awaitVerified waits for the helper as await does. Without its byte, the mount at the name args[1] in the directory
// args[0] is detached, and the child ends.
//
//go:nosplit
//go:norace
func awaitVerified(p *program, o *instruction) syscall.Errno {
	_ = notifyHelper(p)
	for {
		n, _, errno := syscall.RawSyscall(unix.SYS_READ, p.sync, uintptr(unsafe.Pointer(&p.cwd[0])), 1)
		if errno == unix.EINTR {
			continue
		}
		if errno == 0 && n == 1 {
			return 0
		}
		_ = detachAll(o.args[0], o.args[1])
		exitNow(statusUnknown)
	}
}

// detachAll detaches a mount and all beneath it: the one whose root is at a name, a magic link to a descriptor, in an open
// directory. umount2(2) takes the topmost mount there, which the container may have mounted over it a moment ago: so what is on top
// is detached until the mount itself is. The kernel then says that it is not one of the mount namespace.
//
//go:nosplit
//go:norace
func detachAll(dir, name uintptr) syscall.Errno {
	const most = 100_000 // fs.mount-max
	_, _, errno := syscall.RawSyscall(unix.SYS_FCHDIR, dir, 0, 0)
	for i := 0; errno == 0; i++ {
		_, _, errno = syscall.RawSyscall(unix.SYS_UMOUNT2, name, unix.MNT_DETACH, 0)
		switch {
		case errno == unix.EINVAL && i > 0:
			return 0
		case errno == 0 && i == most:
			return unix.EBUSY
		}
	}
	return errno
}

// blockSignals blocks all signals.
func (c *compiler) blockSignals() {
	all := &[2]uint64{^uint64(0), ^uint64(0)}
	const setSize = 8
	c.call(unix.SYS_RT_SIGPROCMASK, unix.SIG_SETMASK, c.pin(unsafe.Pointer(all)), 0, setSize)
}

// setAttributes sets attributes of a mount and of all beneath it.
func (c *compiler) setAttributes(tree uintptr, attributes *unix.MountAttr) error {
	none, err := c.text("")
	c.call(unix.SYS_MOUNT_SETATTR, tree, none, unix.AT_EMPTY_PATH|unix.AT_RECURSIVE,
		c.pin(unsafe.Pointer(attributes)), unsafe.Sizeof(*attributes))
	return err
}
