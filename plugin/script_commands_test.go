//go:build linux

package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

func container(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: container NAME [OPTION...] [-- COMMAND...]")
	}
	name := fmt.Sprintf("%s-%d-%d", args[0], os.Getpid(), time.Now().UnixNano())
	options, command := args[1:], []string{"sleep", "600"}
	for i, a := range options {
		if a == "--" {
			options, command = options[:i:i], options[i+1:]
			break
		}
	}
	run := append([]string{"run", "-d", "--init=false", "--name", name, "--label", ownLabel()}, options...)
	// A container that failed to start may exist too. The script's environment may name another
	// engine by then, so it is not used.
	ts.Defer(func() { removeContainer(name) })
	starting.RLock()
	err := ts.Exec("docker", append(append(run, testImage), command...)...)
	starting.RUnlock()
	if err != nil {
		ts.Fatalf("docker run %s: %v", args[0], err)
	}
	ts.Setenv(args[0], name)
	ts.Setenv("CONTAINER", name)
}

func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits STATUS COMMAND...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	if got := statusOf(ts, ts.Exec(args[1], args[2:]...)); got != want {
		ts.Fatalf("exit status %d, want %d", got, want)
	}
}

func statusOf(ts *testscript.TestScript, err error) int {
	if exited, ok := errors.AsType[*exec.ExitError](err); ok {
		return exited.ExitCode()
	}
	ts.Check(err)
	return 0
}

// same compares docker exec with docker nsjoin.
func same(ts *testscript.TestScript, neg bool, args []string) {
	if neg {
		ts.Fatalf("usage: same CONTAINER COMMAND...")
	}
	run := func(how string) (string, string, int) {
		status := statusOf(ts, ts.Exec("docker", append([]string{how}, args...)...))
		return masked(ts.ReadFile("stdout")), masked(ts.ReadFile("stderr")), status
	}
	out, errs, status := run("exec")
	ourOut, ourErrs, ourStatus := run("nsjoin")
	if ourStatus != status {
		ts.Fatalf("exit status %d, docker exec's is %d", ourStatus, status)
	}
	if ourOut != out {
		ts.Fatalf("docker exec prints\n%s\ndocker nsjoin prints\n%s", out, ourOut)
	}
	if status < 125 && ourErrs != errs {
		ts.Fatalf("stderr of docker exec\n%s\nof docker nsjoin\n%s", errs, ourErrs)
	}
}

func until(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: until COMMAND...")
	}
	deadline := time.Now().Add(scriptWithin)
	for ts.Exec(args[0], args[1:]...) != nil {
		if time.Now().After(deadline) {
			ts.Fatalf("the command did not succeed within %s", scriptWithin)
		}
		time.Sleep(20 * time.Millisecond)
	}
}
