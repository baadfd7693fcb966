package attach

import (
	"os"
	"os/signal"
	"time"
)

const sigterm, sigwinch = 15, 28

// onLinux returns the number of ctrl-c on Linux, where the command runs.
func onLinux(s os.Signal) (int, bool) { return 2, s == os.Interrupt }

// endsProcess reports whether a signal is meant to end a process: ctrl-c, the only one.
func endsProcess(os.Signal) bool { return true }

// takeSignals takes the signals that are passed on to the command.
func takeSignals() (signals chan os.Signal, stop func()) {
	taken := make(chan os.Signal, 16)
	signal.Notify(taken, os.Interrupt)
	return taken, func() { signal.Stop(taken) }
}

// watchSize sends to changes when the terminal's size has changed. Windows has no signal for that, so the
// size is polled, as the Docker CLI does.
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
