//go:build linux

package session

import (
	"os"
	"os/signal"

	"golang.org/x/sys/unix"
)

// forwarded are the signals that are passed on to the command.
var forwarded = []os.Signal{
	unix.SIGHUP, unix.SIGINT, unix.SIGQUIT, unix.SIGTERM, unix.SIGUSR1, unix.SIGUSR2,
	unix.SIGWINCH, unix.SIGTSTP, unix.SIGCONT,
}

// forward passes signals on to the process until stop is called. Where the
// command is in our own process group, those that a terminal sends to all of
// the group are not passed on a second time.
func forward(pid int, sameGroup bool) (stop func()) {
	signals := make(chan os.Signal, 16)
	signal.Notify(signals, forwarded...)
	go func() {
		for s := range signals {
			sig, ok := s.(unix.Signal)
			if !ok || sameGroup && terminalSends(sig) && foreground() {
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

// terminalSends tells whether a terminal sends the signal to the group in its
// foreground.
func terminalSends(sig unix.Signal) bool {
	switch sig {
	case unix.SIGINT, unix.SIGQUIT, unix.SIGTSTP, unix.SIGWINCH:
		return true
	}
	return false
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
