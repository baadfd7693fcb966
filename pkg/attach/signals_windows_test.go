package attach

import (
	"os"
	"sync/atomic"
	"testing"
	"time"
)

func TestInterruptHasItsNumberOnLinux(t *testing.T) {
	if n, ok := onLinux(os.Interrupt); !ok || n != 2 {
		t.Errorf("%d, %v; want 2", n, ok)
	}
	if n, ok := onLinux(os.Kill); ok {
		t.Errorf("SIGKILL is passed on as %d", n)
	}
}

func TestSizeIsAskedForNowAndThen(t *testing.T) {
	var rows atomic.Uint32
	rows.Store(24)
	changes, stop := watchSize(func() (uint16, uint16) { return uint16(rows.Load()), 80 })
	defer stop()
	rows.Store(50)
	select {
	case <-changes:
	case <-time.After(20 * time.Second):
		t.Fatal("the change isn't told")
	}
}
