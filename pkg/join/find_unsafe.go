//go:build linux

package join

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// These functions follow the rules of the child in child_unsafe.go.

// findFile chooses the file to execute as Go's exec.LookPath does, which runc uses: the first that is not a
// directory and may be executed.
//
//go:nosplit
//go:norace
func findFile(p *program, o *instruction) syscall.Errno {
	errno := syscall.Errno(unix.ENOENT)
	for i := range p.paths {
		if errno = executable(p, p.paths[i]); errno == 0 {
			p.found = i
			return 0
		}
	}
	if p.search {
		fail(p, messageNoFile, o.step, unix.ENOENT)
	}
	return errno
}

//go:nosplit
//go:norace
func executable(p *program, path *byte) syscall.Errno {
	const modeAt = 28 // of stx_mode, 16 bits, in struct statx
	_, _, errno := syscall.RawSyscall6(unix.SYS_STATX, atCwd, uintptr(unsafe.Pointer(path)), 0,
		unix.STATX_TYPE|unix.STATX_MODE, uintptr(unsafe.Pointer(&p.statx[0])), 0)
	mode := *(*uint16)(unsafe.Pointer(&p.statx[modeAt]))
	if errno == unix.ENOSYS || errno == unix.EPERM {
		// The container's filter doesn't know statx(2), as Docker's before 18.04.
		mode, errno = kindOf(path)
	}
	if errno != 0 {
		return errno
	}
	if mode&unix.S_IFMT == unix.S_IFDIR {
		return unix.EISDIR
	}
	_, _, errno = syscall.RawSyscall(unix.SYS_FACCESSAT, atCwd, uintptr(unsafe.Pointer(path)), unix.X_OK)
	if errno == unix.ENOSYS || errno == unix.EPERM {
		if mode&0o111 == 0 {
			return unix.EACCES
		}
		return 0
	}
	return errno
}

// kindOf finds out without statx(2) whether a file is a directory. It takes any other file for
// executable.
//
//go:nosplit
//go:norace
func kindOf(path *byte) (mode uint16, errno syscall.Errno) {
	fd, _, errno := syscall.RawSyscall6(unix.SYS_OPENAT, atCwd, uintptr(unsafe.Pointer(path)),
		unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0, 0, 0)
	if errno == 0 {
		_, _, _ = syscall.RawSyscall(unix.SYS_CLOSE, fd, 0, 0)
		return unix.S_IFDIR, 0
	}
	if errno == unix.ENOTDIR {
		return unix.S_IFREG | 0o111, 0 // or a parent is not a directory: faccessat(2) finds out
	}
	return 0, errno
}

// atCwd is AT_FDCWD as an argument of a raw call.
const atCwd = ^uintptr(99)
