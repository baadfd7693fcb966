//go:build linux

package session

import (
	"errors"
	"os"
	"time"

	"golang.org/x/sys/unix"
	"golang.org/x/term"
)

// watchCaller watches for the end of the Docker CLI, our parent. It also closes
// the socket that it gave its plugins when it got a signal and there is no
// terminal that would have sent it to us as well: then the command gets SIGTERM.
// cli is its pidfd.
func watchCaller(cli int, socket *os.File, pid int, gone *once) {
	buf := make([]byte, 1)
	for {
		if n, err := socket.Read(buf); n == 0 || err != nil {
			break
		}
	}
	// When it dies the socket is closed a moment before.
	const moment = 20 * time.Millisecond
	if !readable(cli, moment) {
		_ = unix.Kill(pid, unix.SIGTERM)
		readable(cli, forever)
	}
	gone.give()
}

// peer opens a pidfd of the process that listens on the other end of a socket.
// If it has ended, our parent is another process by now.
func peer(socket *os.File) (int, error) {
	of, err := unix.GetsockoptUcred(int(socket.Fd()), unix.SOL_SOCKET, unix.SO_PEERCRED)
	if err != nil {
		return 0, err
	}
	return unix.PidfdOpen(int(of.Pid), 0)
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

// hungUp tells whether the caller's terminal is gone.
func hungUp() bool {
	fds := []unix.PollFd{{Fd: 0}}
	_, err := unix.Poll(fds, 0)
	return err == nil && fds[0].Revents&(unix.POLLHUP|unix.POLLERR) != 0 && isTerminalDevice(0)
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
