// Package fanout does many tasks at the same time: so many in all, and so many for each engine. An engine that is slow
// holds up no other one.
package fanout

import (
	"context"
	"sync"
)

// How many tasks are done at the same time if the user does not say, in all and through an engine.
const (
	Most          = 256
	MostPerEngine = 16
)

// Limits say how many tasks are done at the same time.
type Limits struct {
	Total     int
	PerEngine func(engine string) int
}

// Run calls do once for each task, by its index; engines has the tasks' engines. It takes turns among the engines, and
// begins with the first tasks of each. Once ctx has ended, no more are begun. It returns when all that were begun have
// been done.
func Run(ctx context.Context, engines []string, l Limits, do func(task int)) {
	q := newQueues(engines)
	free := make(chan string, len(engines)) // engines whose tasks have been done
	running, of := 0, make(map[string]int)
	var done sync.WaitGroup
	defer done.Wait()
	for left := len(engines); left > 0; {
		engine, ok := "", false
		if running < max(l.Total, 1) {
			engine, ok = q.next(func(engine string) bool { return of[engine] < max(l.PerEngine(engine), 1) })
		}
		if !ok {
			select {
			case <-ctx.Done():
				return
			case engine := <-free:
				running, of[engine] = running-1, of[engine]-1
				continue
			}
		}
		if ctx.Err() != nil {
			return
		}
		task := q.take(engine)
		left--
		running, of[engine] = running+1, of[engine]+1
		done.Go(func() {
			do(task)
			free <- engine
		})
	}
}

// queues have the tasks of each engine that are not begun.
type queues struct {
	engines []string // that have some
	tasks   map[string][]int
	turn    int
}

func newQueues(engines []string) *queues {
	q := &queues{tasks: make(map[string][]int)}
	for task, engine := range engines {
		if len(q.tasks[engine]) == 0 {
			q.engines = append(q.engines, engine)
		}
		q.tasks[engine] = append(q.tasks[engine], task)
	}
	return q
}

// next returns the next engine that has tasks and may do one more.
func (q *queues) next(may func(engine string) bool) (string, bool) {
	for i := range q.engines {
		engine := q.engines[(q.turn+i)%len(q.engines)]
		if may(engine) {
			q.turn = (q.turn + i) % len(q.engines)
			return engine, true
		}
	}
	return "", false
}

// take takes a task of the engine that next has returned.
func (q *queues) take(engine string) int {
	task := q.tasks[engine][0]
	if q.tasks[engine] = q.tasks[engine][1:]; len(q.tasks[engine]) == 0 {
		q.engines = append(q.engines[:q.turn:q.turn], q.engines[q.turn+1:]...)
	} else {
		q.turn++
	}
	return task
}
