package client

import "syscall"

// errnos are the errors of sockets by their number on Linux, which other systems number differently.
var errnos = map[int]syscall.Errno{
	1: syscall.EPERM, 2: syscall.ENOENT, 4: syscall.EINTR, 5: syscall.EIO, 6: syscall.ENXIO, 9: syscall.EBADF, 11: syscall.EAGAIN,
	12: syscall.ENOMEM, 13: syscall.EACCES, 16: syscall.EBUSY, 17: syscall.EEXIST, 19: syscall.ENODEV, 20: syscall.ENOTDIR,
	21: syscall.EISDIR, 22: syscall.EINVAL, 23: syscall.ENFILE, 24: syscall.EMFILE, 28: syscall.ENOSPC, 30: syscall.EROFS,
	32: syscall.EPIPE, 36: syscall.ENAMETOOLONG, 38: syscall.ENOSYS, 40: syscall.ELOOP, 71: syscall.EPROTO, 88: syscall.ENOTSOCK,
	90: syscall.EMSGSIZE, 91: syscall.EPROTOTYPE, 92: syscall.ENOPROTOOPT, 93: syscall.EPROTONOSUPPORT, 95: syscall.EOPNOTSUPP,
	97: syscall.EAFNOSUPPORT, 98: syscall.EADDRINUSE, 99: syscall.EADDRNOTAVAIL, 100: syscall.ENETDOWN, 101: syscall.ENETUNREACH,
	103: syscall.ECONNABORTED, 104: syscall.ECONNRESET, 105: syscall.ENOBUFS, 110: syscall.ETIMEDOUT, 111: syscall.ECONNREFUSED,
	112: syscall.EHOSTDOWN, 113: syscall.EHOSTUNREACH, 125: syscall.ECANCELED,
}

// unknown is the errno of an error whose number only Linux has.
const unknown = syscall.EIO

// errnoOf returns this system's errno for a number of Linux.
func errnoOf(number int) (errno syscall.Errno, known bool) {
	if errno, known = errnos[number]; known {
		return errno, true
	}
	return unknown, false
}
