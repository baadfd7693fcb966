package main

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/nsjoin/docker-nsjoin/pkg/seccomp"
	"github.com/nsjoin/docker-nsjoin/pkg/seccomp/seccomptest"
)

// profile compiles the seccomp profile in a container's bundle and compares the filter with the
// one that the runtime compiled, which the container's first process has: for each call, through
// each system call ABI, with arguments that the profile's conditions test.
func profile(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: profile CONTAINER")
	}
	pid := parsePID(ts, "pid-of:"+args[0])
	theirs := copyFilters(ts, pid)
	if len(theirs) != 1 {
		ts.Fatalf("the container has %d filters", len(theirs))
	}
	p := profileOf(ts, pid)
	program, err := p.Compile()
	ts.Check(err)
	ours, err := seccomptest.Decider(program, false)
	ts.Check(err)
	runtimes, err := seccomptest.Decider(theirs[0].Program, false)
	ts.Check(err)
	calls, err := seccomptest.Calls(p)
	ts.Check(err)
	different := 0
	for _, c := range calls {
		if got, want := ours(c), runtimes(c); got != want && !tooNew(c.Number) {
			if different++; different <= 20 {
				ts.Logf("%v: %#x, the runtime has %#x", c, got, want)
			}
		}
	}
	if different > 0 {
		ts.Fatalf("%d of %d calls are decided differently", different, len(calls))
	}
	fmt.Fprintf(ts.Stdout(), "%d calls, %d instructions for %d\n", len(calls), len(program), len(theirs[0].Program))
}

// tooNew reports whether a call may be unknown to an engine's libseccomp, which then leaves it
// out: uretprobe, and calls added after Linux 6.7.
func tooNew(number uint32) bool {
	const x32, uretprobe, statmount, next = 0x40000000, 335, 457, 471
	number &^= x32
	return number == uretprobe || number >= statmount && number < next
}

// profileOf returns the profile in the bundle of the container whose first process this is.
func profileOf(ts *testscript.TestScript, pid int) *seccomp.Profile {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/cwd/config.json", statusNumber(ts, pid, "PPid")))
	ts.Check(err)
	var bundle struct {
		Linux struct{ Seccomp *seccomp.Profile }
	}
	ts.Check(json.Unmarshal(text, &bundle))
	if bundle.Linux.Seccomp == nil {
		ts.Fatalf("the bundle has no profile")
	}
	return bundle.Linux.Seccomp
}
