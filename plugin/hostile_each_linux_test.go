//go:build linux

package main

import "testing"

// docker nsjoin each runs commands in two containers. One of them has SYS_PTRACE and stops the process that becomes its
// command as it appears: that process holds nothing of the other container's command, of its helper, or of the caller's.
func TestHostileEach(t *testing.T) {
	c := newCaller(t)
	other := c.container(t)
	container, _ := attacked(t, "nothing", []string{"-e", holdVariable + "=1", "--cap-add", "SYS_PTRACE"})
	for _, options := range [][]string{nil, {"-i"}} {
		h := &holding{
			t: t, at: placesOf(t, container), victim: &victim{row: child{name: "each"}},
			cell: &cell{caller: c, container: container, other: other},
			call: append(append([]string{"nsjoin", "each", "--trust-container"}, options...), container, other, "--", "true"),
		}
		stopped := false
		for i := 0; i < 100 && !stopped; i++ {
			stopped = h.try()
		}
		if !stopped {
			t.Fatal("the attacker never stopped a process of ours")
		}
	}
}
