//go:build unix

package interrupt_test

import (
	"os"
	"os/signal"
	"syscall"
	"testing"

	"github.com/nsjoin/docker-nsjoin/pkg/interrupt"
	"github.com/nsjoin/docker-nsjoin/pkg/leaktest"
)

func TestMain(m *testing.M) { os.Exit(leaktest.Run(m)) }

func signalSelf(t *testing.T, s syscall.Signal) {
	t.Helper()
	if err := syscall.Kill(os.Getpid(), s); err != nil {
		t.Fatal(err)
	}
}

func TestSignalEndsMaking(t *testing.T) {
	for _, s := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP} {
		ctx, guard := interrupt.Start(t.Context())
		signalSelf(t, s)
		<-ctx.Done()
		guard.End()
	}
}

// While somebody else takes the signals, they end nothing here. While what was made is removed, the user is told.
func TestSignalsAfterMaking(t *testing.T) {
	others := make(chan os.Signal, 2)
	signal.Notify(others, syscall.SIGTERM, syscall.SIGHUP)
	defer signal.Stop(others)
	ctx, guard := interrupt.Start(t.Context())
	defer guard.End()
	guard.Pass()
	signalSelf(t, syscall.SIGTERM)
	<-others
	told := make(chan struct{})
	guard.Finish(func() { close(told) })
	select {
	case <-told:
		t.Error("a signal of the time before counts")
	default:
	}
	signalSelf(t, syscall.SIGHUP)
	<-told
	if ctx.Err() != nil {
		t.Error("a signal ended what is made")
	}
}
