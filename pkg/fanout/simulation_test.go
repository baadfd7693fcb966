package fanout_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nsjoin/docker-nsjoin/pkg/fanout"
	"github.com/nsjoin/docker-nsjoin/pkg/frame"
	"github.com/nsjoin/docker-nsjoin/pkg/job"
	"github.com/nsjoin/docker-nsjoin/pkg/lines"
)

// The numbers of the simulation, which docs/scale.md shows.
const (
	simulatedEngines = 200
	containersEach   = 50
	deadEngines      = 3
	slowEngines      = 10
	untilLost        = 30 * time.Second // package each gives up an engine after 30 to 50 seconds
)

// simulated is an engine.
type simulated struct {
	roundTrip time.Duration
	work      time.Duration // of the engine, for a command
	dead      bool
	lost      context.Context
}

// simulatedHelper writes what a helper writes, in frames, at an engine's pace.
type simulatedHelper struct {
	of   simulated
	done chan struct{}
	once sync.Once
}

func (h *simulatedHelper) Write(b []byte) (int, error) { return len(b), nil }
func (h *simulatedHelper) MayLeave() bool              { return true }
func (h *simulatedHelper) Close()                      { h.once.Do(func() { close(h.done) }) }

func (h *simulatedHelper) Wait() (int, error) {
	<-h.done
	return 0, errors.New("lost")
}

func (h *simulatedHelper) Output(stdout, stderr io.Writer) error {
	if h.of.dead {
		<-h.done
		return nil
	}
	const text = "Linux 6.18.0 x86_64 GNU/Linux\n"
	time.Sleep(h.of.work + h.of.roundTrip)
	for range 3 {
		_, _ = io.WriteString(stdout, text)
	}
	return frame.NewWriter(stderr).Exit(0, 3*int64(len(text)))
}

// run runs a command on an engine, as package each does: it asks for the container, starts the helper, and attends it.
func (e simulated) run(s *lines.Source) (ok bool) {
	if e.lost.Err() != nil {
		return false
	}
	const requests = 3 // for the container, to create the command, and to start it
	if !e.dead {
		time.Sleep(requests * e.roundTrip)
	}
	h := &simulatedHelper{of: e, done: make(chan struct{})}
	j := job.Start(h, s.Stdout(), s.Stderr())
	defer j.Close()
	select {
	case <-j.Done():
		return true
	case <-e.lost.Done():
		return false
	}
}

// counted counts lines and drops them.
type counted struct{ lines int }

func (c *counted) Write(b []byte) (int, error) {
	c.lines += strings.Count(string(b), "\n")
	return len(b), nil
}

// simulate makes the engines, and the engine and label of each container. end ends them.
func simulate() (engines map[string]simulated, tasks []string, labels []lines.Label, end func()) {
	random := rand.New(rand.NewPCG(1, 2))
	engines = make(map[string]simulated)
	var ends []func()
	for i := range simulatedEngines {
		name := fmt.Sprintf("engine%03d", i)
		e := simulated{roundTrip: time.Duration(1+random.IntN(100)) * time.Millisecond, work: time.Duration(50+random.IntN(100)) * time.Millisecond}
		e.dead = i < deadEngines
		if i >= deadEngines && i < deadEngines+slowEngines {
			e.work = 2 * time.Second
		}
		lost, cancel := context.WithCancel(context.Background())
		ends = append(ends, cancel)
		if e.lost = lost; e.dead {
			dies := time.AfterFunc(untilLost, cancel)
			ends = append(ends, func() { dies.Stop() })
		}
		engines[name] = e
		for k := range containersEach {
			tasks = append(tasks, name)
			labels = append(labels, lines.Label{Context: name, Container: fmt.Sprintf("web-%d", k)})
		}
	}
	return engines, tasks, labels, func() {
		for _, f := range ends {
			f()
		}
	}
}

// TestSimulation runs a command in 10,000 containers of 200 engines, of which some are slow and some do not answer, on a
// fake clock. The frames, jobs, lines and turns are real.
func TestSimulation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		engines, tasks, labels, end := simulate()
		defer end()
		out := &counted{}
		p := lines.NewPrinter(out, io.Discard, lines.Options{Prefix: true}, labels)
		began := time.Now()
		var mu sync.Mutex
		var last, lastOfAll time.Duration
		var most uint64
		done := make(map[bool]int)
		fanout.Run(t.Context(), tasks, fanout.Limits{Total: fanout.Most, PerEngine: perEngine(fanout.MostPerEngine)}, func(i int) {
			s := p.Open(labels[i], i)
			ok := engines[tasks[i]].run(s)
			s.Close()
			mu.Lock()
			defer mu.Unlock()
			done[ok]++
			lastOfAll = time.Since(began)
			if ok {
				last = lastOfAll
			}
			if (done[true]+done[false])%500 == 0 {
				var m runtime.MemStats
				runtime.ReadMemStats(&m)
				most = max(most, m.HeapInuse+m.StackInuse)
			}
		})
		t.Logf("%d done after %s, %d failed after %s, at most %d MiB of memory", done[true], last, done[false], lastOfAll, most>>20)
		if done[false] != deadEngines*containersEach || done[true] != (simulatedEngines-deadEngines)*containersEach || out.lines != 3*done[true] {
			t.Errorf("%v, %d lines", done, out.lines)
		}
		const bound, memory = 25 * time.Second, 128 << 20
		if last > bound || lastOfAll > untilLost+time.Second || most > memory {
			t.Errorf("the last command of a living engine ended after %s, all after %s, with %d bytes of memory", last, lastOfAll, most)
		}
	})
}
