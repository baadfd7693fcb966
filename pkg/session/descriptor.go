//go:build linux

package session

import (
	"errors"
	"io"
	"os"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/stdio"
)

// descriptor is one of the caller's descriptors. Other processes share its open file and may
// have made it non-blocking. Nothing about it is changed here, so Go's poller is not used.
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

// dupFile returns another descriptor of the same open file.
func dupFile(f *os.File) (*os.File, error) {
	fd, err := dupFD(f)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), f.Name()), nil
}

func dupFD(f *os.File) (fd int, err error) {
	e := stdio.WithFD(f, func(old int) { fd, err = unix.FcntlInt(uintptr(old), unix.F_DUPFD_CLOEXEC, 3) })
	return fd, errors.Join(e, err)
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
