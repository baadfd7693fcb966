//go:build unix

package forward

import (
	"os/signal"
	"syscall"
	"testing"
	"time"
)

// nohup, and a shell's &, have signals ignored: both together too.
func TestIgnoredSignalsStayIgnored(t *testing.T) {
	signal.Ignore(syscall.SIGINT, syscall.SIGHUP)
	defer signal.Reset(syscall.SIGINT, syscall.SIGHUP)
	ctx, stop := withSignals(t.Context())
	defer stop()
	for _, s := range []syscall.Signal{syscall.SIGINT, syscall.SIGHUP, syscall.SIGTERM} {
		if err := syscall.Kill(syscall.Getpid(), s); err != nil {
			t.Fatal(err)
		}
		select {
		case <-ctx.Done():
			if s != syscall.SIGTERM {
				t.Errorf("%v ends the call", s)
			}
		case <-time.After(50 * time.Millisecond):
			if s == syscall.SIGTERM {
				t.Error("SIGTERM does not end the call")
			}
		}
	}
}
