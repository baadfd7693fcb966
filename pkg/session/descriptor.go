//go:build linux

package session

import (
	"errors"
	"io"

	"golang.org/x/sys/unix"
)

// descriptor is one of the caller's. Its open file is shared with others, who may have made
// it non-blocking; nothing of it is changed here, so Go's poller is not used.
type descriptor int

// Read reads what there is, and waits for that; io.Reader.
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

// Write writes all of b, and waits where it must; io.Writer.
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

// waitFor waits until a descriptor is ready, or has hung up.
func waitFor(fd int, events int16) {
	_, _ = unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: events}}, -1)
}

// nowhere takes everything and keeps nothing.
type nowhere struct{}

func (nowhere) Write(b []byte) (int, error) { return len(b), nil }
