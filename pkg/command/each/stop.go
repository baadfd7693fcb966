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
	again  chan struct{} // closed at the caller's first signal if they were to end before
	kill   chan struct{} // closed when they are to be killed

	mu     sync.Mutex
	number int    // the signal that they get
	cause  string // why they are to end; "" if the caller got a signal
	killed bool
}

// Why commands are ended, if the caller got no signal.
const (
	otherFailed = "ended, since another failed"
	outputLost  = "ended, since the output could not be written"
)

func newStops() *stops {
	s := &stops{stop: make(chan struct{}), again: make(chan struct{}), kill: make(chan struct{})}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.more, s.enough = context.WithCancel(s.ctx)
	return s
}

// begin ends all commands with a signal. cause is "" if the caller got that signal: the second time they are killed.
func (s *stops) begin(number int, cause string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.number == 0:
		s.number, s.cause = number, cause
		close(s.stop)
		s.cancel()
	case cause != "":
	case s.cause != "": // the first one from outside
		s.number, s.cause = number, ""
		close(s.again)
	case !s.killed:
		s.killed = true
		close(s.kill)
	}
}

// wait waits until done is closed. If the commands are to end, it does so for a second only: what done waits for may be a
// reader that has stopped reading.
func (s *stops) wait(done <-chan struct{}) {
	const limit = time.Second
	select {
	case <-done:
		return
	case <-s.stop:
	}
	select {
	case <-done:
	case <-time.After(limit):
	}
}

// began reports whether the commands are to end.
func (s *stops) began() bool { return s.ctx.Err() != nil }

// signal returns the signal that ends the commands, and why they are to end if the caller did not get it.
func (s *stops) signal() (number int, cause string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.number, s.cause
}

// status returns the exit status because of the signal that the caller got, or 0.
func (s *stops) status() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.number == 0 || s.cause != "" {
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
	go s.follow(caught, cli.Done(), gone, done)
	return func() {
		signal.Stop(caught)
		close(done)
	}
}

// follow calls begin for signals, and when the CLI has closed its socket, until done is closed.
func (s *stops) follow(caught <-chan os.Signal, closed <-chan struct{}, gone func() bool, done <-chan struct{}) {
	const moment = 100 * time.Millisecond // for the terminal's own signal, and the end of a CLI that dies
	var settled <-chan time.Time
	take := func(sig os.Signal) {
		if number, ok := sig.(syscall.Signal); ok {
			s.begin(int(number), "")
		}
	}
	for {
		select {
		case <-done:
			return
		case sig := <-caught:
			take(sig)
		case <-closed:
			closed, settled = nil, time.After(moment)
		case <-settled:
			for len(caught) > 0 {
				take(<-caught)
			}
			if gone() || !s.began() {
				s.begin(sigterm, "")
			}
		}
	}
}
