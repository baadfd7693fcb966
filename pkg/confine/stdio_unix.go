//go:build unix

package confine

import (
	"errors"
	"io"

	"golang.org/x/sys/unix"
)

// environment returns the process's environment: one thread runs Go code, so that the runtime needs few of them.
func environment() []string { return []string{"GOMAXPROCS=1", "GOTRACEBACK=none"} }

// descriptor reads and writes by read(2) and write(2) only. Package os may use epoll(7).
type descriptor int

func (d descriptor) Read(p []byte) (int, error) {
	for {
		n, err := unix.Read(int(d), p)
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return 0, err
		case n == 0 && len(p) > 0:
			return 0, io.EOF
		default:
			return n, nil
		}
	}
}

func (d descriptor) Write(p []byte) (int, error) {
	written := 0
	for written < len(p) {
		n, err := unix.Write(int(d), p[written:])
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return written, err
		}
		written += n
	}
	return written, nil
}

// Limits of the process.
const (
	cpuSeconds = 30
	moreMemory = 512 << 20 // bytes of address space, in addition to what the runtime has reserved
)

// nobody is the user and group of the process if it was root: the overflow ID of Linux, which owns nothing.
const nobody = 65534
