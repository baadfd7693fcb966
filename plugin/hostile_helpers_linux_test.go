//go:build linux

package main

import (
	"slices"
	"strconv"
	"strings"
	"testing"
)

// A container with the host's PID namespace sees the helper and the watchdog too. It cannot open
// them unless it may trace; then it can open every process of the host.
func TestHostileHelpers(t *testing.T) {
	if engineOfTest(t).kinds["userns"] {
		t.Skip("an engine with userns-remap gives no container of its user namespace the host's processes")
	}
	self := testProgram(t)
	c := newCaller(t)
	c.env = append(c.env, "SECRET="+callersSecret)
	web := &cell{caller: c, container: c.intruderContainer(t, self, column{}), other: c.container(t)}
	for _, row := range children() {
		if row.name == "plain" || row.name == "at a terminal" || row.name == "on the host in its pid namespace" {
			web.start(t, row)
		}
	}
	ours := web.helpers()
	if len(ours) < 2*len(web.started) {
		t.Fatalf("found %d helpers and watchdogs for %d commands", len(ours), len(web.started))
	}
	on := "-e" + intrudeOnVariable + "=" + strings.Join(ours, ",")
	for _, col := range []struct {
		name    string
		options []string
		reads   bool // it can read the environment and the memory map
	}{
		{"default", nil, false},
		{"user 1000", []string{"--user", "1000"}, false},
		{"DAC_READ_SEARCH", []string{"--cap-add", "DAC_READ_SEARCH"}, false},
		{"SYS_ADMIN", []string{"--cap-add", "SYS_ADMIN"}, true},
	} {
		t.Run(col.name, func(t *testing.T) {
			options := append(slices.Clone(col.options), "--pid", "host")
			loots := runIntruder(t, c.intruderContainer(t, self, column{options: options}), on)
			if len(loots) != 2*len(ours) {
				t.Fatalf("the intruder saw %d of %d processes", len(loots)/2, len(ours))
			}
			for _, l := range loots {
				l.nothing(t, col.reads)
			}
		})
	}
}

// helpers returns the PIDs of the helpers and watchdogs of all children.
func (c *cell) helpers() (list []string) {
	for _, v := range c.started {
		list = append(list, strconv.Itoa(v.process.parent))
		for _, p := range childrenOf(v.process.parent) {
			if p.pid != v.process.pid {
				list = append(list, strconv.Itoa(p.pid))
			}
		}
	}
	return list
}

// nothing fails if an intruder got anything from a process. If reads is set, it may have read
// the environment and the memory map, without the secret.
func (l loot) nothing(t *testing.T, reads bool) {
	t.Helper()
	for _, what := range []string{"environ", "auxv", "maps"} {
		if reads {
			delete(l.Got, what)
		}
	}
	v := victim{row: child{host: true}}
	if faults := v.faults(places{}, l); len(faults) > 0 {
		t.Errorf("%s: an intruder %s got\n\t%s", l.Args, l.Guise, strings.Join(faults, "\n\t"))
	}
}
