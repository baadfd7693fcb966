//go:build linux

package main

import (
	"slices"
	"testing"
)

func TestCompareCounts(t *testing.T) {
	const helper = "the helper alone"
	before := []call{
		{Name: baseline, counts: counts{Faults: 200}},
		{Name: helper, counts: counts{Faults: 600, Syscalls: 1000, Processes: 4, Threads: 8, Programs: 2}, Packages: 20},
		{Name: "short", counts: counts{Syscalls: 200}},
		{Name: "docker nsjoin web true", Report: true},
	}
	for _, row := range []struct {
		name   string
		empty  int // page faults of the empty program
		helper call
		short  int // system calls of a short call
		want   []string
	}{
		{"less", 200, call{}, 200, nil},
		{"a little more", 200, call{counts: counts{Faults: 660, Syscalls: 1100, Processes: 4, Threads: 20, Programs: 2}, Packages: 22}, 230, nil},
		{"another kernel", 100, call{counts: counts{Faults: 330}}, 200, nil},
		{"too much", 100, call{counts: counts{Faults: 331, Syscalls: 1101, Processes: 5, Programs: 3}, Packages: 23}, 231, []string{
			"the helper alone: 331 page faults, before 300",
			"the helper alone: 1101 system calls, before 1000",
			"the helper alone: 5 processes, before 4",
			"the helper alone: 3 programs, before 2",
			"the helper alone: 23 initialized packages, before 20",
			"short: 231 system calls, before 200",
		}},
	} {
		row.helper.Name = helper
		now := []call{
			{Name: baseline, counts: counts{Faults: row.empty, Syscalls: 9999}},
			row.helper,
			{Name: "short", counts: counts{Syscalls: row.short}},
			{Name: "docker nsjoin web true", counts: counts{Faults: 9999}, Report: true},
		}
		if got, err := compareCounts(before, now); err != nil || !slices.Equal(got, row.want) {
			t.Errorf("%s: %q, %v\nwant %q", row.name, got, err, row.want)
		}
	}
	if _, err := compareCounts(before[:1], before); err == nil {
		t.Error("a call that is not in the file is accepted")
	}
	if _, err := compareCounts(nil, before); err == nil {
		t.Error("an empty file is accepted")
	}
}
