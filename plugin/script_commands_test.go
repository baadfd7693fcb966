//go:build linux

package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sys/unix"
)

func container(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: container NAME [image=IMAGE] [OPTION...] [-- COMMAND...]")
	}
	name := fmt.Sprintf("%s-%d-%d", args[0], os.Getpid(), time.Now().UnixNano())
	options, command, image := args[1:], []string{"sleep", "600"}, testImage
	if len(options) > 0 {
		if other, given := strings.CutPrefix(options[0], "image="); given {
			options, image = options[1:], other
		}
	}
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
	err := ts.Exec("docker", append(append(run, image), command...)...)
	starting.RUnlock()
	if err != nil {
		ts.Fatalf("docker run %s: %v", args[0], err)
	}
	ts.Setenv(args[0], name)
	ts.Setenv("CONTAINER", name)
}

// volume names a volume. It is removed, with those whose names begin with this one, after the containers that are run later.
func volume(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: volume NAME")
	}
	name := fmt.Sprintf("volume-%d-%d", os.Getpid(), time.Now().UnixNano())
	ts.Setenv(args[0], name)
	ts.Defer(func() {
		// What holds one ends a moment after the container that it is mounted in.
		for deadline := time.Now().Add(leftWithin); ; time.Sleep(100 * time.Millisecond) {
			list, err := exec.Command("docker", "volume", "ls", "-q", "--filter", "name="+name).Output()
			if err != nil || len(list) == 0 || time.Now().After(deadline) {
				return
			}
			_ = exec.Command("docker", append([]string{"volume", "rm"}, strings.Fields(string(list))...)...).Run()
		}
	})
}

// network creates a network. Its containers are run later, and so are removed before it.
func network(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: network NAME [OPTION...]")
	}
	name := fmt.Sprintf("%s-%d-%d", args[0], os.Getpid(), time.Now().UnixNano())
	ts.Defer(func() { _ = exec.Command("docker", "network", "rm", name).Run() })
	create := append([]string{"network", "create", "--label", ownLabel()}, args[1:]...)
	if err := ts.Exec("docker", append(create, name)...); err != nil {
		ts.Fatalf("docker network create %s: %v", args[0], err)
	}
	ts.Setenv(args[0], name)
}

func image(ts *testscript.TestScript, neg bool, args []string) {
	const twoWords = 2
	if neg || len(args) < twoWords {
		ts.Fatalf("usage: image NAME DIR [CHANGE...]")
	}
	name := fmt.Sprintf("nsjoin-%s-%d-%d", args[0], os.Getpid(), time.Now().UnixNano())
	ts.Defer(func() { _ = exec.Command("docker", "image", "rm", "--force", name).Run() })
	const script = `name=$1 dir=$2; shift 2
for change do shift; set -- "$@" --change "$change"; done
tar --owner 0 --group 0 -C "$dir" -c . | docker import "$@" - "$name"`
	ts.Check(ts.Exec("sh", append([]string{"-ec", script, "sh", name}, args[1:]...)...))
	ts.Setenv(args[0], name)
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

// leftWithin is how long what a failed script has left may be in use.
const leftWithin = 10 * time.Second

// limitTime ends a script that takes too long.
func limitTime(env *testscript.Env) {
	limit := time.AfterFunc(scriptTakes, func() { killThoseIn(env.WorkDir) })
	env.Defer(func() { limit.Stop() })
}

// killThoseIn kills all processes whose working directory is in dir, once a script has taken too long there. Otherwise a loop in
// one that waits for what never comes would hold up all tests. The script's command then fails, and the script with it.
func killThoseIn(dir string) {
	fmt.Fprintf(os.Stderr, "a script in %s has taken %s: its processes are killed\n", dir, scriptTakes)
	for _, p := range processes() {
		at, _ := os.Readlink(fmt.Sprintf("/proc/%d/cwd", p.pid))
		if at == dir || strings.HasPrefix(at, dir+"/") {
			_ = unix.Kill(p.pid, unix.SIGKILL)
		}
	}
}

// alone says that the script runs before those that run at the same time: see inGroups.
func alone(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) > 0 {
		ts.Fatalf("usage: alone")
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
