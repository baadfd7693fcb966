//go:build unix

package attach

import (
	"os"
	"os/signal"
	"syscall"
)

const sigterm, sigwinch = 15, 28

// linuxNumbers has the numbers of signals on Linux, where the command runs. Other systems number some
// of them differently.
var linuxNumbers = map[os.Signal]int{
	syscall.SIGHUP: 1, syscall.SIGINT: 2, syscall.SIGQUIT: 3, syscall.SIGUSR1: 10, syscall.SIGUSR2: 12,
	syscall.SIGTERM: sigterm, syscall.SIGCONT: 18, syscall.SIGTSTP: 20, syscall.SIGWINCH: sigwinch,
}

// onLinux returns the number of a signal on Linux.
func onLinux(s os.Signal) (int, bool) {
	n, ok := linuxNumbers[s]
	return n, ok
}

// endsProcess reports whether a signal is meant to end a process.
func endsProcess(s os.Signal) bool {
	switch s {
	case syscall.SIGHUP, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGTERM:
		return true
	}
	return false
}

// takeSignals takes the signals that are passed on to the command.
func takeSignals() (signals chan os.Signal, stop func()) {
	signal.Ignore(syscall.SIGPIPE) // the command is notified instead
	taken := make(chan os.Signal, 16)
	for s := range linuxNumbers {
		if !signal.Ignored(s) { // nohup(1) ignores SIGHUP
			signal.Notify(taken, s)
		}
	}
	return taken, func() { signal.Stop(taken) }
}

// watchSize sends to changes when the terminal's size may have changed.
func watchSize(func() (rows, columns uint16)) (changes <-chan struct{}, stop func()) {
	signals, told := make(chan os.Signal, 1), make(chan struct{}, 1)
	signal.Notify(signals, syscall.SIGWINCH)
	go func() {
		for range signals {
			select {
			case told <- struct{}{}:
			default: // the size will be read anyway
			}
		}
	}()
	return told, func() { signal.Stop(signals); close(signals) }
}
