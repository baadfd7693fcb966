package main

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/nsjoin/docker-nsjoin/pkg/seccomp"
	"github.com/nsjoin/docker-nsjoin/pkg/seccomp/seccomptest"
)

// profile compares what is made of the profile in a container's bundle with the filter
// that the runtime made of it, which the container's first process has: for each call,
// by each way into the kernel, with arguments that the profile has conditions of.
func profile(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: profile CONTAINER")
	}
	pid := pidOf(ts, "pid-of:"+args[0])
	theirs := copyFilters(ts, pid)
	if len(theirs) != 1 {
		ts.Fatalf("it has %d filters", len(theirs))
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
		ts.Fatalf("%d of %d calls are decided otherwise", different, len(calls))
	}
	fmt.Fprintf(ts.Stdout(), "%d calls, %d instructions for %d\n", len(calls), len(program), len(theirs[0].Program))
}

// tooNew tells of calls that a profile names and that not every engine's libseccomp knows,
// which leaves them out then: uretprobe, and what came after Linux 6.7.
func tooNew(number uint32) bool {
	const x32, uretprobe, statmount, next = 0x40000000, 335, 457, 471
	number &^= x32
	return number == uretprobe || number >= statmount && number < next
}

// profileOf is the profile in the bundle of the container that a process is the first of.
func profileOf(ts *testscript.TestScript, pid int) *seccomp.Profile {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/cwd/config.json", statusNumber(ts, pid, "PPid")))
	ts.Check(err)
	var bundle struct {
		Linux struct{ Seccomp *seccomp.Profile }
	}
	ts.Check(json.Unmarshal(text, &bundle))
	if bundle.Linux.Seccomp == nil {
		ts.Fatalf("it has no profile")
	}
	return bundle.Linux.Seccomp
}
