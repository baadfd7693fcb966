package listen

import (
	"context"
	"time"
)

// pause is the time between attempts that fail, which grows.
type pause struct{ last time.Duration }

const (
	firstPause = 20 * time.Millisecond
	maxPause   = time.Second
)

// first reports whether there was no failure since the last success.
func (p *pause) first() bool { return p.last == 0 }

func (p *pause) reset() { p.last = 0 }

// wait waits, longer each time.
func (p *pause) wait(ctx context.Context) {
	p.last = min(max(firstPause, 2*p.last), maxPause)
	timer := time.NewTimer(p.last)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
