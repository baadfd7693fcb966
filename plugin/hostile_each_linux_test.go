//go:build linux

package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
)

// docker nsjoin each runs commands in two containers. One of them has SYS_PTRACE and stops the process that becomes its
// command as it appears: that process holds nothing of the other container's command, of its helper, or of the caller's,
// and neither does its helper.
func TestHostileEach(t *testing.T) {
	c := newCaller(t)
	other := c.container(t, "--cap-add", "SYS_TIME")
	docker(t, "exec", other, "sh", "-c", `mkdir "${0%/*}" && printf '#!/bin/true\n' >"$0" && chmod 755 "$0"`, leased)
	container, _ := attacked(t, "nothing", []string{"-e", holdVariable + "=1", "--cap-add", "SYS_PTRACE"})
	for _, options := range [][]string{nil, {"-i"}, {"--parallel", "1"}} { // the last one when the other's has ended
		h := &holding{
			t: t, at: placesOf(t, container), victim: &victim{row: child{name: "each"}},
			cell: &cell{caller: c, container: container, other: other},
			call: append(append([]string{"nsjoin", "each", "--trust-container"}, options...), other, container, "--", leased),
		}
		ids := [2]string{docker(t, "inspect", "--format", "{{.Id}}", container), docker(t, "inspect", "--format", "{{.Id}}", other)}
		h.also = func(p process) {
			for _, pid := range []int{p.pid, p.parent} {
				dir := fmt.Sprintf("/proc/%d", pid)
				if !memoryHas(dir, ids[0]) {
					t.Errorf("%v: the ID of its container was not found in the memory of process %d", options, pid)
				}
				if found := memoryAround(dir, ids[1]); found != "" {
					t.Errorf("%v: the ID of the other container is in the memory of process %d: %s", options, pid, found)
				}
			}
			lookAtHelper(t, p)
		}
		h.try()
	}
}

// lookAtHelper looks at the helper of a command that is stopped, which a multiplexer has started. It has no pipe of that but
// its standard streams and, through the engine, not the rights that are meant for another container's command.
func lookAtHelper(t *testing.T, p process) {
	t.Helper()
	helper, ok := readProcess(p.parent)
	if !ok {
		t.Fatal("the helper has ended")
	}
	multiplexer, ok := readProcess(helper.parent)
	if !ok || len(multiplexer.args) < 2 || multiplexer.args[1] != "many" {
		t.Errorf("no multiplexer has started the helper, but %v", multiplexer)
		return
	}
	theirs, shared := pipesOf(t, multiplexer.pid), make(map[string]bool)
	for pipe := range pipesOf(t, helper.pid) {
		if theirs[pipe] {
			shared[pipe] = true
		}
	}
	if len(shared) != 3 {
		t.Errorf("helper and multiplexer share %d pipes: %v", len(shared), shared)
	}
	if os.Getenv(viaVariable) != "engine" {
		return
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", helper.pid))
	if err != nil {
		t.Fatal(err)
	}
	_, bounding, _ := strings.Cut(string(status), "CapBnd:\t")
	set, err := strconv.ParseUint(bounding[:16], 16, 64)
	const sysTime = 25
	if err != nil || set&(1<<sysTime) != 0 {
		t.Errorf("the helper's bounding set is %x, %v", set, err)
	}
}

// pipesOf returns the pipes that a process has open.
func pipesOf(t *testing.T, pid int) map[string]bool {
	t.Helper()
	dir := fmt.Sprintf("/proc/%d/fd", pid)
	fds, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	pipes := make(map[string]bool)
	for _, fd := range fds {
		if link, err := os.Readlink(dir + "/" + fd.Name()); err == nil && strings.HasPrefix(link, "pipe:") {
			pipes[link] = true
		}
	}
	return pipes
}
