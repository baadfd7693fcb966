//go:build unix

package interrupt

import (
	"os"
	"os/signal"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// nohup, and a shell's &, have signals ignored: both together too.
func TestIgnoredSignalsStayIgnored(t *testing.T) {
	signal.Ignore(syscall.SIGINT, syscall.SIGHUP)
	defer func() { // unlike Reset, it lets signal.Ignored forget them, too
		reset := make(chan os.Signal, 1)
		signal.Notify(reset, syscall.SIGINT, syscall.SIGHUP)
		signal.Stop(reset)
	}()
	got := 0
	ctx, stop := Until(t.Context(), func(signal int) error { got = signal; return nil })
	defer stop()
	for _, s := range []syscall.Signal{syscall.SIGINT, syscall.SIGHUP, syscall.SIGTERM} {
		if err := syscall.Kill(syscall.Getpid(), s); err != nil {
			t.Fatal(err)
		}
	}
	<-ctx.Done()
	if got != int(syscall.SIGTERM) {
		t.Errorf("signal %d, want SIGTERM", got)
	}
}

// A signal that the Docker CLI and this process have got counts, although the CLI says first that it has got some.
func TestSignalOfBoth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		arrived, parent := make(chan os.Signal, 1), make(chan struct{})
		close(parent)
		time.AfterFunc(time.Millisecond, func() { arrived <- syscall.SIGINT })
		if s := ending(arrived, parent, nil); s != syscall.SIGINT {
			t.Error(s)
		}
		if s := ending(arrived, parent, nil); s != syscall.SIGTERM {
			t.Errorf("%v, and only the CLI has got one", s)
		}
	})
}
