//go:build linux

package session

import "sync"

// once is something that happens once or never.
type once struct {
	given chan struct{} // closed when it happened
	once  sync.Once
}

func newOnce() *once { return &once{given: make(chan struct{})} }

func (o *once) give() { o.once.Do(func() { close(o.given) }) }

func (o *once) happened() bool {
	select {
	case <-o.given:
		return true
	default:
		return false
	}
}
