package dockercli

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// Parent is the process that started the plugin: the Docker CLI. It is nil for a program of its own, which goes
// on when its parent ends, as every command does.
type Parent struct {
	pid   int
	pidfd *os.File // nil if it is in another pid namespace, or before Linux 5.3
}

// FindParent opens the parent process, so that its pid is not taken for a later process's. Call it
// first in main: a parent that has ended by then has already been replaced by another process.
func FindParent() *Parent {
	p := &Parent{pid: os.Getppid()}
	fd, err := unix.PidfdOpen(p.pid, 0)
	if err != nil {
		return p
	}
	// The pid was the parent's when the pidfd was opened if it still is.
	if p.Gone() {
		unix.Close(fd)
		return p
	}
	p.pidfd = os.NewFile(uintptr(fd), "pidfd of the Docker CLI")
	return p
}

// Gone reports whether the parent has ended: the plugin is another process's child then.
func (p *Parent) Gone() bool { return p != nil && os.Getppid() != p.pid }

// wait waits for the parent's end. It fails where that cannot be waited for.
func (p *Parent) wait() error {
	switch {
	case p.Gone():
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
