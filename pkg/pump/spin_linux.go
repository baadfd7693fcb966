package pump

import (
	"runtime"
	"time"
)

// spin decides whether a loop looks for the next event for a moment before it waits for it. Waking a thread takes 20 to 40 µs on
// a virtual machine, of which a byte there and back needs two from a loop. So a loop stays awake for as long as that would take,
// where answers come that fast, as they do from another process of this machine. Where they do not, it costs nothing: a time
// in vain has to be made up for by twice as many waits that were short enough.
type spin struct {
	short  int // waits in sequence that were shorter than spinFor
	needed int // so many of them before it is tried again
}

const (
	spinFor    = 50 * time.Microsecond
	mostNeeded = 1 << 10
)

// pays reports whether to look for the next event for spinFor.
func (s *spin) pays() bool { return s.short > s.needed }

// found notes that an event has come in that time, or not.
func (s *spin) found(some bool) {
	if some {
		s.needed /= 2
		return
	}
	s.short, s.needed = 0, min(2*s.needed+1, mostNeeded)
}

// waited notes how long it has taken until an event came.
func (s *spin) waited(d time.Duration) {
	if d < spinFor {
		s.short++
	} else {
		s.short = 0
	}
}

// wait looks for events by look, whose argument is that of epoll_wait(2), until there are some.
func (s *spin) wait(look func(timeout int) (int, error)) (n int, err error) {
	began := time.Now()
	if s.pays() && runtime.GOMAXPROCS(0) > 1 { // else what answers could not run
		for n == 0 && err == nil && time.Since(began) < spinFor {
			n, err = look(0)
		}
		s.found(n > 0)
		if n > 0 || err != nil {
			return n, err
		}
		began = time.Now()
	}
	n, err = look(-1)
	s.waited(time.Since(began))
	return n, err
}
