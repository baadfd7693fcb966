//go:build unix

package forward

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nsjoin/docker-nsjoin/pkg/exit"
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
	}
	<-ctx.Done()
	if status := exit.Status(context.Cause(ctx)); status != exit.Signalled(int(syscall.SIGTERM)) {
		t.Errorf("exit status %d, want that of SIGTERM", status)
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
