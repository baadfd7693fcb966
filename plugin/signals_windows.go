package main

import (
	"errors"
	"os"
	"os/signal"
	"syscall"
	"time"
)

const sigterm, sigwinch = 15, 28

// onLinux is the number of ctrl-c there, where the command is.
func onLinux(s os.Signal) (int, bool) { return 2, s == os.Interrupt }

// isBrokenPipe tells the errors of writing what nobody reads.
func isBrokenPipe(err error) bool {
	const noData = syscall.Errno(232) // ERROR_NO_DATA: the pipe is being closed
	return errors.Is(err, syscall.ERROR_BROKEN_PIPE) || errors.Is(err, noData)
}

// takeSignals takes what is passed on to the command.
func takeSignals() (signals <-chan os.Signal, stop func()) {
	taken := make(chan os.Signal, 16)
	signal.Notify(taken, os.Interrupt)
	return taken, func() { signal.Stop(taken) }
}

// watchSize tells when the terminal's size has changed. Windows has no signal for
// it, so it is asked now and then, as the Docker CLI does.
func watchSize(size func() (rows, columns uint16)) (changes <-chan struct{}, stop func()) {
	const interval = 250 * time.Millisecond
	told, ended := make(chan struct{}, 1), make(chan struct{})
	rows, columns := size()
	go func() {
		ticks := time.NewTicker(interval)
		defer ticks.Stop()
		for {
			select {
			case <-ended:
				return
			case <-ticks.C:
			}
			if r, c := size(); r != rows || c != columns {
				rows, columns = r, c
				select {
				case told <- struct{}{}:
				default:
				}
			}
		}
	}()
	return told, func() { close(ended) }
}

// endsProcess tells whether a signal is meant to end a process: ctrl-c, the only one.
func endsProcess(os.Signal) bool { return true }
