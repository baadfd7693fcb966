//go:build linux

package session

import (
	"sync/atomic"
	"time"
)

// beginsWithin is how long a command that is about to run may take to, when nobody
// waits for it any more; then the signal is its own.
const beginsWithin = time.Second

// Interrupted is for the time before the command runs, when somebody in the
// container may have stopped the process that is to become it. The channel is closed
// where the caller is gone or sent a signal that is for the end, and the command
// still hasn't begun a moment later. begun says that it has.
func (s *Session) Interrupted() (interrupted <-chan struct{}, begun func()) {
	given := make(chan struct{})
	var over atomic.Bool
	if s.signals != nil {
		go func() {
			for waited := false; !over.Load(); {
				time.Sleep(beginsWithin / 5) // mostly it is over then
				switch {
				case over.Load() || !s.unwanted():
				case waited:
					close(given)
					return
				default:
					waited = true
					time.Sleep(beginsWithin)
				}
			}
		}()
	}
	return given, func() { over.Store(true) }
}

// unwanted tells whether the command that hasn't begun is one that nobody waits for.
func (s *Session) unwanted() bool {
	return len(s.signals.fatal) > 0 || s.caller.ends() || s.remote == nil && hungUp(0)
}
