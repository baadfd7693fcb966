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

// caller is the Docker CLI, our parent, as the socket that it gives its plugins
// tells of it. It closes that when it ends. It also closes it when it got SIGINT
// or SIGTERM and has no terminal, which would have sent us the signal as well.
type caller struct {
	socket *os.File // nil for a CLI older than 24
	pid    int
	pidfd  int
}

// callerOf opens a pidfd of the process that listens on the other end of the
// socket. If it has ended, our parent is another process by now. Where there is no
// socket it is given the parent's pidfd.
func callerOf(socket *os.File) (*caller, error) {
	of, err := unix.GetsockoptUcred(int(socket.Fd()), unix.SOL_SOCKET, unix.SO_PEERCRED)
	if errors.Is(err, unix.ENOTSOCK) {
		return callerByPidfd(int(socket.Fd()))
	}
	if err != nil {
		return nil, fmt.Errorf("the Docker CLI: %w", err)
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

// callerByPidfd is the caller that a pidfd is of. Its number is our parent's as long as it lives.
func callerByPidfd(fd int) (*caller, error) {
	c := &caller{pid: os.Getppid(), pidfd: fd}
	if readable(fd, 0) {
		return nil, errors.New("the Docker CLI is gone")
	}
	return c, nil
}

// watch calls told when the CLI got a signal that it tells its plugins of, and
// gives gone when it has ended.
func (c *caller) watch(told func(), gone *once) {
	buf := make([]byte, 1)
	for c.socket != nil {
		if n, err := c.socket.Read(buf); n == 0 || err != nil {
			break
		}
	}
	switch {
	case c.socket == nil:
		readable(c.pidfd, forever)
	case !c.dying():
		told()
		readable(c.pidfd, forever)
	}
	gone.give()
}

// ends tells whether the CLI has closed the socket or is about to. A nil one
// never does.
func (c *caller) ends() bool {
	return c != nil && (c.socket != nil && readable(int(c.socket.Fd()), 0) || c.dying())
}

// dying tells whether the CLI is on its way out. It closes its files after it
// is marked as exiting and before its pidfd can be read, which tells that it is
// this process still.
func (c *caller) dying() bool {
	st, err := procfs.ReadStat(c.pid)
	return err == nil && st.Exiting || readable(c.pidfd, 0)
}

// forever is no limit, poll(2).
const forever = -1 * time.Millisecond

// readable waits until a descriptor can be read, a pidfd until its process has
// ended, for as long as given.
func readable(fd int, wait time.Duration) bool {
	fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	for {
		n, err := unix.Poll(fds, int(wait.Milliseconds()))
		if !errors.Is(err, unix.EINTR) {
			return n > 0
		}
	}
}

// hungUp tells whether a descriptor is of a terminal that is gone.
func hungUp(fd int) bool {
	fds := []unix.PollFd{{Fd: int32(fd)}}
	_, err := unix.Poll(fds, 0)
	for errors.Is(err, unix.EINTR) { // with a pending signal, without a wait too
		_, err = unix.Poll(fds, 0)
	}
	return err == nil && fds[0].Revents&(unix.POLLHUP|unix.POLLERR) != 0 && isTerminalDevice(fd)
}

// isTerminalDevice is true for a terminal that is gone, too, where isatty isn't.
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
