//go:build linux

// Package keeper keeps a helper's container for later calls: its first process stays as long as a call is
// under way, and for some time after the last one.
//
// A call holds a connection to the first process, by a socket in the container's own network namespace,
// which nothing but helpers can reach. The kernel closes it whatever ends the call.
package keeper

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// Arg is the argument of the first process. The idle time in seconds follows it.
const Arg = "keep"

// address is that of the socket: abstract, as a container may be read-only.
const address = "@docker-nsjoin-keeper"

// welcome is what the first process answers to a call. Without it, the call may have come while
// the first process was about to end.
const welcome = 'k'

// Keep stays until no call was under way for the idle time.
func Keep(idle time.Duration) error {
	listener, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err == nil {
		err = unix.Bind(listener, &unix.SockaddrUnix{Name: address})
	}
	if err == nil {
		err = unix.Listen(listener, unix.SOMAXCONN)
	}
	if err != nil {
		return fmt.Errorf("wait for calls: %w", err)
	}
	calls := []unix.PollFd{{Fd: int32(listener), Events: unix.POLLIN}}
	for {
		timeout := -1
		if len(calls) == 1 {
			timeout = int(idle.Milliseconds())
		}
		n, err := unix.Poll(calls, timeout)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			return fmt.Errorf("wait for calls: %w", err)
		case n == 0:
			return nil // a call that comes now gets no welcome
		}
		open := calls[:1]
		for _, call := range calls[1:] {
			if call.Revents != 0 { // nothing is ever sent
				unix.Close(int(call.Fd))
			} else {
				open = append(open, call)
			}
		}
		calls = open
		if call, ok := accept(listener); ok {
			calls = append(calls, unix.PollFd{Fd: call, Events: unix.POLLIN})
		}
	}
}

// accept welcomes a call, if one is waiting. unix.Accept4 would add 30 KB to the helper, for the addresses of
// all families.
func accept(listener int) (call int32, ok bool) {
	fd, _, failed := unix.Syscall6(unix.SYS_ACCEPT4, uintptr(listener), 0, 0, unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0, 0)
	if failed != 0 {
		return 0, false
	}
	if _, err := unix.Write(int(fd), []byte{welcome}); err != nil {
		unix.Close(int(fd))
		return 0, false
	}
	return int32(fd), true
}

// patience is how long a call tries to reach the first process: on a busy machine, that may take long to start. Package
// engine waits a little longer.
var patience = 15 * time.Second

// ErrEnding is the error of Connect if the first process ends.
var ErrEnding = errors.New("the helper's container is ending")

// Connect makes the container stay as long as the connection is open, whose descriptor it returns. The error is
// ErrEnding if the first process ends.
func Connect() (connection int, err error) {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, fmt.Errorf("hold the helper's container: %w", err)
	}
	// The first process may not listen yet.
	const pause = 10 * time.Millisecond
	for left := patience; ; left -= pause {
		err := unix.Connect(fd, &unix.SockaddrUnix{Name: address})
		if err == nil {
			break
		}
		if left <= 0 {
			return -1, ErrEnding
		}
		time.Sleep(pause)
	}
	var b [1]byte
	for {
		n, err := unix.Read(fd, b[:])
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil || n != 1 || b[0] != welcome {
			return -1, ErrEnding
		}
		return fd, nil
	}
}

// Program opens the program of the first process, which runs from sealed memory.
func Program(connection int) (*os.File, error) {
	peer, err := unix.GetsockoptUcred(connection, unix.SOL_SOCKET, unix.SO_PEERCRED)
	if err != nil {
		return nil, fmt.Errorf("find the first process of the helper's container: %w", err)
	}
	return os.Open("/proc/" + strconv.Itoa(int(peer.Pid)) + "/exe")
}

// Watch calls ended if the first process ends while the connection is open, since somebody stops the container.
func Watch(connection int, ended func()) {
	go func() {
		call := []unix.PollFd{{Fd: int32(connection), Events: unix.POLLIN}}
		for {
			if n, err := unix.Poll(call, -1); err == nil && n > 0 {
				break
			}
		}
		ended()
	}()
}
