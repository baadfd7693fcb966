//go:build linux

package session

import (
	"os"
	"os/signal"
	"time"

	"golang.org/x/sys/unix"
)

// forwarded are the signals that are passed on to the command. A stop and its
// end are not: they reach a whole process group at a terminal by themselves.
var forwarded = []os.Signal{
	unix.SIGHUP, unix.SIGINT, unix.SIGQUIT, unix.SIGTERM, unix.SIGUSR1, unix.SIGUSR2,
}

// grace is how long a command may take to end when its caller is gone.
const grace = 10 * time.Second

// forward passes signals on to the process until stop is called. Where the
// command is in our own process group, those that a terminal sends to all of
// the group are not passed on a second time.
func forward(pid int, sameGroup bool) (stop func()) {
	signals := make(chan os.Signal, 16)
	signal.Notify(signals, forwarded...)
	go func() {
		for s := range signals {
			sig, ok := s.(unix.Signal)
			if !ok || sameGroup && (sig == unix.SIGINT || sig == unix.SIGQUIT) && foreground() {
				continue
			}
			_ = unix.Kill(pid, sig)
		}
	}()
	return func() {
		signal.Stop(signals)
		close(signals)
	}
}

// foreground tells whether our process group is that of our terminal.
func foreground() bool {
	tty, err := os.Open("/dev/tty")
	if err != nil {
		return false
	}
	defer tty.Close()
	group, err := unix.IoctlGetInt(int(tty.Fd()), unix.TIOCGPGRP)
	return err == nil && group == unix.Getpgrp()
}

// watchCaller ends the command when the Docker CLI closes the socket that it
// gave its plugins: it does so at a signal when there is no terminal, and when
// it is killed.
func watchCaller(socket *os.File, pid int, first unix.Signal) {
	buf := make([]byte, 1)
	for {
		if n, err := socket.Read(buf); n == 0 || err != nil {
			break
		}
	}
	_ = unix.Kill(pid, first)
	time.Sleep(grace)
	_ = unix.Kill(pid, unix.SIGKILL)
}
