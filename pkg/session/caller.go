//go:build linux

package session

import (
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
	"golang.org/x/term"

	"github.com/nsjoin/docker-nsjoin/pkg/procfs"
)

// caller is the Docker CLI, the helper's parent, seen through the socket that it makes for its
// plugins. The CLI closes the socket when it ends. It also closes it when it gets SIGINT or
// SIGTERM and has no terminal; a terminal would have sent the helper the signal as well.
type caller struct {
	socket *os.File // nil for a CLI older than 24
	pid    int
	pidfd  int
}

// callerOf opens a pidfd of the process that listens on the other end of the socket. It does
// not use the parent's pid: if the CLI has ended, the parent is another process. For a CLI
// without a socket, the descriptor is the parent's pidfd.
func callerOf(socket *os.File) (*caller, error) {
	of, err := unix.GetsockoptUcred(int(socket.Fd()), unix.SOL_SOCKET, unix.SO_PEERCRED)
	if errors.Is(err, unix.ENOTSOCK) {
		return callerByPidfd(int(socket.Fd()))
	}
	if err != nil {
		return nil, fmt.Errorf("find the Docker CLI's process: %w", err)
	}
	fd, err := unix.GetsockoptInt(int(socket.Fd()), unix.SOL_SOCKET, unix.SO_PEERPIDFD) // since Linux 6.5
	if errors.Is(err, unix.ENOPROTOOPT) {
		fd, err = unix.PidfdOpen(int(of.Pid), 0)
	}
	if err != nil {
		return nil, fmt.Errorf("the Docker CLI is gone: %w", err)
	}
	return &caller{socket: socket, pid: int(of.Pid), pidfd: fd}, nil
}

// callerByPidfd returns the caller with this pidfd. As long as it lives, its pid is that of the helper's parent.
func callerByPidfd(fd int) (*caller, error) {
	c := &caller{pid: os.Getppid(), pidfd: fd}
	if readable(fd, 0) {
		return nil, errors.New("the Docker CLI is gone")
	}
	return c, nil
}

// watch calls signalled when the CLI has got a signal that it reports to its plugins, and fires
// gone when the CLI has ended.
func (c *caller) watch(signalled func(), gone *event) {
	buf := make([]byte, 1)
	for c.socket != nil {
		if n, err := c.socket.Read(buf); n == 0 || err != nil {
			break
		}
	}
	switch {
	case c.socket == nil:
		readable(c.pidfd, noTimeout)
	case !c.exiting():
		signalled()
		readable(c.pidfd, noTimeout)
	}
	gone.fire()
}

// ending reports whether the CLI has closed the socket or is exiting. It is false for a nil caller.
func (c *caller) ending() bool {
	return c != nil && (c.socket != nil && readable(int(c.socket.Fd()), 0) || c.exiting())
}

// exiting reports whether the CLI is exiting or has ended. The kernel marks a process as exiting
// before it closes its files, and makes its pidfd readable only after that. As long as the
// pidfd is not readable, the pid is the CLI's.
func (c *caller) exiting() bool {
	st, err := procfs.ReadStat(c.pid)
	return err == nil && st.Exiting || readable(c.pidfd, 0)
}

// noTimeout makes poll(2) wait without limit.
const noTimeout = -1 * time.Millisecond

// readable waits up to timeout until fd can be read. A pidfd can be read when its process has ended.
func readable(fd int, timeout time.Duration) bool {
	fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	for {
		n, err := unix.Poll(fds, int(timeout.Milliseconds()))
		if !errors.Is(err, unix.EINTR) {
			return n > 0
		}
	}
}

// terminalHungUp reports whether fd is a terminal that has hung up.
func terminalHungUp(fd int) bool {
	fds := []unix.PollFd{{Fd: int32(fd)}}
	_, err := unix.Poll(fds, 0)
	for errors.Is(err, unix.EINTR) { // with a pending signal, without a wait too
		_, err = unix.Poll(fds, 0)
	}
	return err == nil && fds[0].Revents&(unix.POLLHUP|unix.POLLERR) != 0 && isTerminalDevice(fd)
}

// isTerminalDevice is like isatty(3), but also true for a terminal that has hung up.
func isTerminalDevice(fd int) bool {
	if term.IsTerminal(fd) {
		return true
	}
	var st unix.Stat_t
	if unix.Fstat(fd, &st) != nil || st.Mode&unix.S_IFMT != unix.S_IFCHR {
		return false
	}
	major := unix.Major(st.Rdev)
	return major >= 136 && major <= 143 || major == 4 || major == 5 // pts, tty and console
}
