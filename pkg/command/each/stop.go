package each

import (
	"context"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/nsjoin/docker-nsjoin/pkg/exit"
)

// stops has what ends all commands.
type stops struct {
	ctx    context.Context // ends with stop
	cancel context.CancelFunc
	more   context.Context // ends when no more commands are to be begun, with stop or before
	enough context.CancelFunc
	stop   chan struct{} // closed when all commands are to end
	kill   chan struct{} // closed when they are to be killed

	mu     sync.Mutex
	number int // the signal that they get
	failed bool
	killed bool
}

func newStops() *stops {
	s := &stops{stop: make(chan struct{}), kill: make(chan struct{})}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.more, s.enough = context.WithCancel(s.ctx)
	return s
}

// begin ends all commands with a signal. failed says that one of them has failed; otherwise the caller got the signal.
// The second time they are killed.
func (s *stops) begin(number int, failed bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.number == 0:
		s.number, s.failed = number, failed
		close(s.stop)
		s.cancel()
	case failed:
	case s.failed: // the first one from outside
		s.number, s.failed = number, false
	case !s.killed:
		s.killed = true
		close(s.kill)
	}
}

// after is like time.After if the commands are to end; else it returns nil.
func (s *stops) after(d time.Duration) <-chan time.Time {
	if s.signal() == 0 {
		return nil
	}
	return time.After(d)
}

// began reports whether the commands are to end.
func (s *stops) began() bool { return s.ctx.Err() != nil }

// signal returns the signal that ends the commands.
func (s *stops) signal() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.number
}

// status returns the exit status because of the signal that the caller got, or 0.
func (s *stops) status() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.number == 0 || s.failed {
		return 0
	}
	return exit.Signalled(s.number)
}

// watchSignals calls begin when the caller gets a signal, or the Docker CLI ends or reports one. gone reports whether
// it has ended.
func (s *stops) watchSignals(cli context.Context, gone func() bool) (stop func()) {
	caught := make(chan os.Signal, 8)
	for _, sig := range []os.Signal{syscall.SIGHUP, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGTERM} {
		if !signal.Ignored(sig) { // nohup(1) ignores SIGHUP
			signal.Notify(caught, sig)
		}
	}
	done := make(chan struct{})
	go func() {
		closed := cli.Done()
		for {
			select {
			case <-done:
				return
			case sig := <-caught:
				if number, ok := sig.(syscall.Signal); ok {
					s.begin(int(number), false)
				}
			case <-closed:
				closed = nil
				const moment = 100 * time.Millisecond // for the terminal's own signal, and the end of a CLI that dies
				time.Sleep(moment)
				if gone() || !s.began() {
					s.begin(sigterm, false)
				}
			}
		}
	}()
	return func() {
		signal.Stop(caught)
		close(done)
	}
}
