//go:build linux

package main

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// row compares one contestant with others, in a line of the table for each.
type row struct {
	name   string
	rounds int // in each, every contestant runs once
	ours   contestant
	theirs []contestant
	remark string // what the page says about it besides
	// value, if not nil, measures something other than the time of contestants.
	value func(context.Context) ([]result, error)
}

// contestant is one way to get something done.
type contestant struct {
	name   string
	target float64 // upper limit of our time divided by this one's; 0 for none
	run    func() error
	// before, if not nil, is called before each run. Its time is not measured.
	before func() error
	// note, if not nil, returns what the table says about the runs beside the name.
	note func() string
}

// result is a line of the table. Times are medians in milliseconds.
type result struct {
	Name   string  `json:"name"`
	Ours   float64 `json:"ours"`
	Beside string  `json:"beside,omitempty"`
	Theirs float64 `json:"theirs,omitempty"`
	Unit   string  `json:"unit"`
	// Ratio is Ours divided by Theirs; Target is its upper limit, 0 for none.
	Ratio  float64 `json:"ratio,omitempty"`
	Target float64 `json:"target,omitempty"`
	Remark string  `json:"remark,omitempty"`
}

// met reports whether the target was met; true without a target.
func (r result) met() bool { return r.Target == 0 || r.Ratio <= r.Target }

// measure runs every contestant once in each round, so that other load on the machine affects all of
// them alike.
func (r row) measure(ctx context.Context, scale float64) ([]result, error) {
	if r.value != nil {
		return r.value(ctx)
	}
	all := append([]contestant{r.ours}, r.theirs...)
	times := make([][]time.Duration, len(all))
	rounds := max(3, int(float64(r.rounds)*scale))
	for round := -1; round < rounds; round++ { // round -1 warms up
		for i, c := range all {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			took, err := c.once()
			if err != nil {
				return nil, fmt.Errorf("%s: %w", c.name, err)
			}
			if round >= 0 {
				times[i] = append(times[i], took)
			}
		}
	}
	ours := median(times[0])
	var results []result
	for i, c := range r.theirs {
		theirs := median(times[i+1])
		beside := c.name
		if c.note != nil {
			beside += c.note()
		}
		results = append(results, result{
			Name: r.name, Ours: ours, Beside: beside, Theirs: theirs, Unit: "ms",
			Ratio: ours / theirs, Target: c.target, Remark: r.remark,
		})
	}
	return results, nil
}

func (c contestant) once() (time.Duration, error) {
	if c.before != nil {
		if err := c.before(); err != nil {
			return 0, err
		}
	}
	start := time.Now()
	err := c.run()
	return time.Since(start), err
}

// median returns the median in milliseconds. It sorts times.
func median(times []time.Duration) float64 {
	slices.Sort(times)
	return float64(times[len(times)/2].Microseconds()) / 1000
}
