//go:build unix

package stdio

import (
	"errors"
	"io"
	"os"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

// Streams describes the standard streams of this process.
func Streams() request.Streams {
	return request.Streams{
		InputTerminal:  IsTerminal(os.Stdin),
		OutputTerminal: IsTerminal(os.Stdout),
		ErrorsTerminal: IsTerminal(os.Stderr) && sameTerminal(os.Stdout, os.Stderr),
		Foreground:     InForeground(os.Stdin),
	}
}

// InForeground reports whether this process is in the foreground of a terminal. It is false if that is
// not its controlling terminal.
func InForeground(terminal *os.File) bool {
	group, err := number(terminal, unix.TIOCGPGRP)
	return err == nil && group == unix.Getpgrp()
}

// UnreadBytes returns how many bytes can be read from a pipe or terminal without waiting.
func UnreadBytes(f *os.File) int {
	n, err := number(f, fionread)
	if err != nil {
		return 0
	}
	return n
}

// InputPending reports whether standard input is a file or pipe that has something to read, without
// reading it.
func InputPending() bool {
	st, err := status(os.Stdin)
	switch {
	case err != nil:
		return false
	case st.Mode&unix.S_IFMT == unix.S_IFREG:
		at, err := unix.Seek(0, 0, io.SeekCurrent)
		return err == nil && at < st.Size
	case st.Mode&unix.S_IFMT == unix.S_IFIFO:
		return UnreadBytes(os.Stdin) > 0
	}
	return false
}

// IsRegular reports whether f is a regular file.
func IsRegular(f *os.File) bool {
	st, err := status(f)
	return err == nil && st.Mode&unix.S_IFMT == unix.S_IFREG
}

// IsNull reports whether f is the null device, wherever its node is.
func IsNull(f *os.File) bool {
	st, err := status(f)
	return err == nil && st.Mode&unix.S_IFMT == unix.S_IFCHR && isNullDevice(uint64(st.Rdev)) //nolint:unconvert // int32 on macOS
}

// SameFile reports whether a and b are the same file.
func SameFile(a, b *os.File) bool {
	x, errX := status(a)
	y, errY := status(b)
	return errX == nil && errY == nil && x.Dev == y.Dev && x.Ino == y.Ino
}

// sameTerminal reports whether two terminals are the same one. The second may be open as /dev/tty.
func sameTerminal(a, b *os.File) bool {
	x, errX := status(a)
	y, errY := status(b)
	return errX == nil && errY == nil && (x.Rdev == y.Rdev || isControllingTerminal(uint64(y.Rdev))) //nolint:unconvert // int32 on macOS
}

// status is fstat(2). os.File.Stat would make the helper 100 KB larger.
func status(f *os.File) (st unix.Stat_t, err error) {
	failed := WithFD(f, func(fd int) { err = unix.Fstat(fd, &st) })
	if failed != nil {
		return st, failed
	}
	return st, err
}

// number returns the number that an ioctl(2) stores.
func number(f *os.File, request uint) (n int, err error) {
	failed := WithFD(f, func(fd int) { n, err = ioctlNumber(fd, request) })
	if failed != nil {
		return 0, failed
	}
	return n, err
}

// WithFD calls use with f's descriptor. Unlike os.File.Fd it leaves the open file non-blocking, so that
// waiting for it can still be stopped.
func WithFD(f *os.File, use func(fd int)) error {
	conn, err := f.SyscallConn()
	if err != nil {
		return err
	}
	return conn.Control(func(fd uintptr) { use(int(fd)) })
}

// IsBrokenPipe reports whether a write failed because its reader is gone.
func IsBrokenPipe(err error) bool {
	return errors.Is(err, unix.EPIPE) || errors.Is(err, unix.ECONNRESET) // of a socket that had unread data
}
