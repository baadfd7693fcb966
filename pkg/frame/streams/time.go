package streams

import (
	"sync"
	"time"
)

// deadline is that of one direction of a stream. The lock of its condition guards it.
type deadline struct {
	timer  *time.Timer
	passed bool
	set    int // how many times it was set
}

// setTo sets the deadline; zero for none. wake is signaled when it passes.
func (d *deadline) setTo(t time.Time, wake *sync.Cond) {
	if d.timer != nil {
		d.timer.Stop()
		d.timer = nil
	}
	d.set++
	d.passed = false
	if t.IsZero() {
		return
	}
	left := time.Until(t)
	if left <= 0 {
		d.passed = true
		wake.Broadcast()
		return
	}
	set := d.set
	d.timer = time.AfterFunc(left, func() {
		wake.L.Lock()
		defer wake.L.Unlock()
		if d.set == set {
			d.passed = true
			wake.Broadcast()
		}
	})
}

func (d *deadline) stop() {
	if d.timer != nil {
		d.timer.Stop()
	}
}
