package fanout_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nsjoin/docker-nsjoin/pkg/fanout"
)

func perEngine(n int) func(string) int { return func(string) int { return n } }

// Every task is done once, and never more at the same time than the limits allow.
func TestRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var engines []string
		for i := range 100 {
			engines = append(engines, fmt.Sprint(i%7))
		}
		var mu sync.Mutex
		var done []int
		running, most, of := 0, 0, make(map[string]int)
		fanout.Run(t.Context(), engines, fanout.Limits{Total: 10, PerEngine: perEngine(2)}, func(task int) {
			mu.Lock()
			running++
			of[engines[task]]++
			most = max(most, running)
			if of[engines[task]] > 2 {
				t.Errorf("engine %s does %d tasks", engines[task], of[engines[task]])
			}
			mu.Unlock()
			time.Sleep(time.Second)
			mu.Lock()
			running--
			of[engines[task]]--
			done = append(done, task)
			mu.Unlock()
		})
		slices.Sort(done)
		if len(slices.Compact(done)) != len(engines) || most != 10 {
			t.Errorf("%d tasks, %d at once", len(done), most)
		}
	})
}

// An engine that never answers holds up its own tasks only.
func TestSlowEngine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		var engines []string
		for i := range 200 {
			engines = append(engines, []string{"dead", "alive"}[i%2])
		}
		var mu sync.Mutex
		last := time.Duration(0)
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		fanout.Run(ctx, engines, fanout.Limits{Total: 16, PerEngine: perEngine(8)}, func(task int) {
			if engines[task] == "dead" {
				<-ctx.Done()
				return
			}
			time.Sleep(time.Second)
			mu.Lock()
			last = max(last, time.Since(began))
			mu.Unlock()
		})
		if want := 13 * time.Second; last != want {
			t.Errorf("the other engine's tasks took %s, want %s", last, want)
		}
	})
}

func TestCanceled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	done := 0
	fanout.Run(ctx, make([]string, 10), fanout.Limits{Total: 1, PerEngine: perEngine(1)}, func(int) {
		done++
		cancel()
	})
	if done != 1 {
		t.Errorf("%d tasks", done)
	}
	fanout.Run(ctx, nil, fanout.Limits{}, nil)
}
