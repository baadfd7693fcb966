//go:build linux

package session

import "sync"

// event is something that happens once or never.
type event struct {
	fired chan struct{} // closed when it has happened
	once  sync.Once
}

func newEvent() *event { return &event{fired: make(chan struct{})} }

func (o *event) fire() { o.once.Do(func() { close(o.fired) }) }

func (o *event) hasFired() bool {
	select {
	case <-o.fired:
		return true
	default:
		return false
	}
}
