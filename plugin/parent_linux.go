package main

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// parent is the process that started us, the Docker CLI.
type parent struct {
	pid   int
	pidfd *os.File // nil where it is in another pid namespace, or Linux is older than 5.3
}

// newParent holds the parent, so that its number cannot become another's unnoticed. It is
// called first of all: a parent that has ended by then has been replaced by another process.
func newParent() parent {
	p := parent{pid: os.Getppid()}
	fd, err := unix.PidfdOpen(p.pid, 0)
	if err != nil {
		return p
	}
	// The number was the parent's when the pidfd was opened if it still is.
	if p.gone() {
		unix.Close(fd)
		return p
	}
	p.pidfd = os.NewFile(uintptr(fd), "pidfd of the Docker CLI")
	return p
}

// gone tells whether the parent has ended, which makes us another's child.
func (p parent) gone() bool { return os.Getppid() != p.pid }

// wait waits for the parent's end. It fails where that can't be waited for.
func (p parent) wait() error {
	switch {
	case p.gone():
		return nil
	case p.pidfd == nil:
		return errors.ErrUnsupported
	}
	fds := []unix.PollFd{{Fd: int32(p.pidfd.Fd()), Events: unix.POLLIN}}
	for {
		_, err := unix.Poll(fds, -1)
		if !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}
