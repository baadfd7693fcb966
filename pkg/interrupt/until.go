package interrupt

import (
	"context"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"time"
)

// Until returns a context that ends with a terminating signal; a second one has the kernel's default action. It also ends
// with parent, which ends when the Docker CLI has got a signal, or is gone: that stands for SIGTERM, unless this process
// gets another one too. The context's cause is what cause makes of the signal's number. The caller calls stop.
func Until(parent context.Context, cause func(signal int) error) (ctx context.Context, stop func()) {
	ctx, cancel := context.WithCancelCause(context.WithoutCancel(parent))
	arrived := make(chan os.Signal, 1)
	signals := slices.DeleteFunc([]os.Signal{os.Interrupt, syscall.SIGTERM, syscall.SIGHUP}, signal.Ignored)
	if len(signals) > 0 { // none stands for all
		signal.Notify(arrived, signals...)
	}
	go func() {
		defer signal.Stop(arrived)
		if s := ending(arrived, parent.Done(), ctx.Done()); s != nil {
			number, _ := s.(syscall.Signal)
			cancel(cause(int(number)))
		}
	}()
	return ctx, func() { cancel(nil) }
}

// ending waits for a signal. parent is closed when the Docker CLI has got one, or is gone: that stands for SIGTERM, unless
// it is one that both have got. It returns nil if over is closed before.
func ending(arrived <-chan os.Signal, parent, over <-chan struct{}) os.Signal {
	select {
	case s := <-arrived:
		return s
	case <-parent:
	case <-over:
		return nil
	}
	const moment = 100 * time.Millisecond
	select {
	case s := <-arrived:
		return s
	case <-time.After(moment):
		return syscall.SIGTERM
	}
}
