//go:build unix

package attach

import (
	"os"
	"syscall"
	"testing"
	"time"
)

func TestSignalsHaveTheirNumbersOnLinux(t *testing.T) {
	for s, want := range map[os.Signal]int{os.Interrupt: 2, syscall.SIGTERM: 15, syscall.SIGUSR1: 10, syscall.SIGWINCH: 28} {
		if got, ok := onLinux(s); !ok || got != want {
			t.Errorf("%v: %d, %v; want %d", s, got, ok, want)
		}
	}
	if n, ok := onLinux(syscall.SIGKILL); ok {
		t.Errorf("SIGKILL is passed on as %d", n)
	}
}

func TestSizeIsToldBySignal(t *testing.T) {
	changes, stop := watchSize(func() (rows, columns uint16) { return 24, 80 })
	defer stop()
	if err := syscall.Kill(os.Getpid(), syscall.SIGWINCH); err != nil {
		t.Fatal(err)
	}
	select {
	case <-changes:
	case <-time.After(time.Minute):
		t.Fatal("the change isn't told")
	}
}
