// Package interrupt keeps signals from ending this process before it has removed what it made.
package interrupt

import (
	"context"
	"os"
	"os/signal"
	"sync"
	"syscall"
)

// Guard takes the signals that would end this process: SIGINT, SIGTERM and SIGHUP.
type Guard struct {
	signals chan os.Signal
	ended   chan struct{} // closed by End
	passed  chan struct{} // closed by Pass
	pass    sync.Once
}

// Start begins to take signals. The context that it returns ends with the first one; the second one ends the process,
// so that nobody has to wait for an engine that hangs. The caller calls End.
func Start(ctx context.Context) (context.Context, *Guard) {
	g := &Guard{signals: make(chan os.Signal, 1), ended: make(chan struct{}), passed: make(chan struct{})}
	g.take()
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		defer cancel()
		select {
		case <-g.signals:
			if !g.hasPassed() { // else somebody else has it too
				g.leave()
				cancel()
			}
			<-g.ended
		case <-g.passed:
			<-g.ended
		case <-g.ended:
		}
	}()
	return ctx, g
}

// Pass says that the signals are for somebody else, who takes them too. They do not end this process either.
func (g *Guard) Pass() { g.pass.Do(func() { close(g.passed) }) }

func (g *Guard) hasPassed() bool {
	select {
	case <-g.passed:
		return true
	default:
		return false
	}
}

// Finish begins to remove what was made. At the next signal tell is called, and the one after that ends the process.
func (g *Guard) Finish(tell func()) {
	g.Pass()
	g.take()
	select {
	case <-g.signals: // of the time before
	default:
	}
	go func() {
		select {
		case <-g.signals:
			g.leave()
			tell()
		case <-g.ended:
		}
	}()
}

// End leaves the signals to the system.
func (g *Guard) End() {
	g.leave()
	close(g.ended)
}

func (g *Guard) take() {
	for _, s := range []os.Signal{os.Interrupt, syscall.SIGTERM, syscall.SIGHUP} {
		if !signal.Ignored(s) { // nohup(1) ignores SIGHUP
			signal.Notify(g.signals, s)
		}
	}
}

func (g *Guard) leave() { signal.Stop(g.signals) }
