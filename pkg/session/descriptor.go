//go:build linux

package session

import (
	"errors"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// descriptor is one of the caller's descriptors. Other processes share its open file and may
// have made it non-blocking. Nothing of it is changed here, so Go's poller is not used.
type descriptor int

// Read waits until there are bytes and reads them; io.Reader.
func (d descriptor) Read(b []byte) (int, error) {
	for {
		n, err := unix.Read(int(d), b)
		switch {
		case errors.Is(err, unix.EINTR):
		case errors.Is(err, unix.EAGAIN):
			waitFor(int(d), unix.POLLIN)
		case err != nil:
			return 0, err
		case n == 0:
			return 0, io.EOF
		default:
			return n, nil
		}
	}
}

// Write writes all of b; io.Writer.
func (d descriptor) Write(b []byte) (int, error) {
	written := 0
	for written < len(b) {
		n, err := unix.Write(int(d), b[written:])
		switch {
		case errors.Is(err, unix.EINTR):
		case errors.Is(err, unix.EAGAIN):
			waitFor(int(d), unix.POLLOUT)
		case err != nil:
			return written, err
		default:
			written += n
		}
	}
	return written, nil
}

// waitFor waits until fd is ready or has hung up.
func waitFor(fd int, events int16) {
	_, _ = unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: events}}, -1)
}

// withFD calls fn with f's descriptor. Unlike os.File.Fd it leaves the open file
// non-blocking, so that a deadline can end a wait.
func withFD(f *os.File, fn func(fd int)) error {
	raw, err := f.SyscallConn()
	if err != nil {
		return err
	}
	return raw.Control(func(fd uintptr) { fn(int(fd)) })
}

// dupFile returns another descriptor of the same open file.
func dupFile(f *os.File) (*os.File, error) {
	fd, err := dupFD(f)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), f.Name()), nil
}

func dupFD(f *os.File) (fd int, err error) {
	e := withFD(f, func(old int) { fd, err = unix.FcntlInt(uintptr(old), unix.F_DUPFD_CLOEXEC, 3) })
	return fd, errors.Join(e, err)
}

// unreadBytes returns how many bytes can be read from a pipe or terminal without waiting.
func unreadBytes(f *os.File) int {
	var bytes uint32
	_ = withFD(f, func(fd int) { bytes, _ = unix.IoctlGetUint32(fd, unix.TIOCINQ) })
	return int(bytes)
}

func sameFile(a, b int) bool {
	var x, y unix.Stat_t
	return unix.Fstat(a, &x) == nil && unix.Fstat(b, &y) == nil && x.Dev == y.Dev && x.Ino == y.Ino
}

// nonBlocking returns the pseudo-terminal for Go's poller, so that a deadline can end a wait
// for output. os.File.Fd has made it blocking.
func nonBlocking(pty *os.File) *os.File {
	fd, err := dupFD(pty)
	if err != nil {
		return pty
	}
	_ = unix.SetNonblock(fd, true)
	return os.NewFile(uintptr(fd), pty.Name())
}
