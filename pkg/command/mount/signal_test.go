package mount

import (
	"os"
	"syscall"
	"testing"
)

// A call with --keep ends with the status of its signal, also if the Docker CLI has said before that it ends.
func TestSignalOf(t *testing.T) {
	closed, open := make(chan struct{}), make(chan struct{})
	close(closed)
	signals := make(chan os.Signal, 1)
	for _, called := range []chan struct{}{open, closed} {
		signals <- syscall.SIGTERM
		if got := signalOf(called, open, signals); got != syscall.SIGTERM {
			t.Errorf("%v", got)
		}
	}
	if got := signalOf(closed, open, signals); got != syscall.SIGINT { // the CLI alone has got it
		t.Errorf("%v", got)
	}
}
