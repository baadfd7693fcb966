package each

import (
	"context"
	"math/rand/v2"
	"time"
)

// noAnswer is why the commands on an engine have failed that does not answer any more.
const noAnswer = "the engine does not answer"

// watch notices that an engine does not answer any more while commands run through it.
type watch struct {
	lost     context.Context // ends then
	lose     context.CancelFunc
	interval time.Duration // between two questions
	timeout  time.Duration // for an answer
}

func newWatch() watch {
	w := watch{interval: pingInterval, timeout: pingTimeout}
	w.lost, w.lose = context.WithCancel(context.Background())
	return w
}

// How often an engine is asked whether it is there, how long it may take to answer, and how often it may fail to.
const (
	pingInterval = 10 * time.Second
	pingTimeout  = 10 * time.Second
	maxSilent    = 2
)

// run asks the engine again and again until ctx ends.
func (w watch) run(ctx context.Context, ping func(context.Context) error) {
	for silent := 0; silent < maxSilent; {
		select {
		case <-ctx.Done():
			return
		case <-time.After(jitter(w.interval)):
		}
		limited, cancel := context.WithTimeout(ctx, w.timeout)
		err := ping(limited)
		cancel()
		if silent++; err == nil {
			silent = 0
		}
	}
	w.lose()
}

// jitter returns a time around d: clients that start together do not stay together.
func jitter(d time.Duration) time.Duration {
	return d/2 + rand.N(d) //nolint:gosec // not a secret
}
