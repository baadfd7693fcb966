package main

import "golang.org/x/sys/unix"

const (
	fionread   = 0x4004667f // FIONREAD of sys/filio.h
	getTermios = unix.TIOCGETA
	setTermios = unix.TIOCSETA
)

// ioctlNumber is ioctl(2) that stores a number, on machines that are all little-endian.
func ioctlNumber(fd int, request uint) (int, error) { return unix.IoctlGetInt(fd, request) }
