package forward

import "sync"

// open counts connections.
type open struct {
	mu       sync.Mutex
	n        int
	finished chan struct{} // nil until no more may begin; closed when none is left
}

// begin counts one, unless no more may begin.
func (o *open) begin() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.finished != nil {
		return false
	}
	o.n++
	return true
}

// end counts one that has ended.
func (o *open) end() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.n--
	if o.n == 0 && o.finished != nil {
		close(o.finished)
	}
}

// finish lets no more begin, and returns a channel that is closed when none is left. Call it once.
func (o *open) finish() <-chan struct{} {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.finished = make(chan struct{})
	if o.n == 0 {
		close(o.finished)
	}
	return o.finished
}
