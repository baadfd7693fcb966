// Package together lets those who ask the same at the same time share an answer.
package together

import (
	"sync"
	"time"
)

// Question has one answer after the other. It is ready for use when Ask is set.
type Question[A any] struct {
	Ask func() A

	turn sync.Mutex // held while it is asked
	mu   sync.Mutex
	next *Answer[A] // what has not begun; nil if nobody waits for it
	last *Answer[A] // what began last; nil before the first
}

// Answer is one of its answers.
type Answer[A any] struct {
	done  chan struct{}
	is    A
	began time.Time
}

// Join returns an answer that begins after this call. It does not wait for it.
func (q *Question[A]) Join() *Answer[A] {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.join()
}

// JoinSince returns an answer that has begun since a moment, or begins after this call.
func (q *Question[A]) JoinSince(moment time.Time) *Answer[A] {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.last != nil && !q.last.began.Before(moment) {
		return q.last
	}
	return q.join()
}

// join is Join; q.mu is held.
func (q *Question[A]) join() *Answer[A] {
	if q.next == nil {
		q.next = &Answer[A]{done: make(chan struct{})}
		go q.run()
	}
	return q.next
}

func (q *Question[A]) run() {
	q.turn.Lock()
	defer q.turn.Unlock()
	q.mu.Lock()
	a := q.next
	a.began = time.Now()
	q.next, q.last = nil, a
	q.mu.Unlock()
	a.is = q.Ask()
	close(a.done)
}

// Done is closed when the answer is there.
func (a *Answer[A]) Done() <-chan struct{} { return a.done }

// Get waits for the answer. All who share it get the same: do not change what it refers to.
func (a *Answer[A]) Get() A {
	<-a.done
	return a.is
}
