//go:build linux

package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
)

// callsOfTheJoin are the system calls that a join makes, or could make in another order, once the
// command's filter is loaded.
var callsOfTheJoin = []string{
	"capset", "clone", "setsid", "ioctl", "read", "write", "exit_group", "exit", "statx", "openat", "close", "faccessat",
	"prctl", "chdir", "getcwd", "setresuid", "setgroups", "execve",
}

// TestSeccompCalls forbids each call of a join, with an error and by killing. If docker exec runs a
// command, so does docker nsjoin; if not, one line names the call.
func TestSeccompCalls(t *testing.T) {
	c := newCaller(t)
	calls := callsOfTheJoin
	if os.Getenv(viaVariable) == "engine" { // the steps are the same
		calls = []string{"capset", "setsid", "execve"}
	}
	var workers sync.WaitGroup
	free := make(chan struct{}, parityWorkers)
	var mu sync.Mutex
	nowhere, ran := []string{}, 0
	try := func(call, action string, options []string) {
		where := fmt.Sprintf("%s by %s, %v", call, action, options)
		name, err := c.forbidding(t, call, action, options...)
		if err == nil {
			c.compareForbidden(t, name, call, where)
			removeContainer(name)
		}
		mu.Lock()
		defer mu.Unlock()
		if err != nil {
			nowhere = append(nowhere, where)
			return
		}
		ran++
	}
	unprivileged := []string{"--security-opt", "no-new-privileges", "--user", "1000"}
	for _, call := range calls {
		rows := []func(){
			func() { try(call, "SCMP_ACT_ERRNO", nil) },
			func() { try(call, "SCMP_ACT_ERRNO", unprivileged) },
			func() { try(call, "SCMP_ACT_KILL_PROCESS", nil) },
		}
		if call == "setsid" {
			rows = append(rows, func() { try(call, "SCMP_ACT_TRAP", nil) })
		}
		for _, row := range rows {
			free <- struct{}{}
			workers.Go(func() {
				defer func() { <-free }()
				row()
			})
		}
	}
	workers.Wait()
	t.Logf("%d containers; this engine cannot start those that forbid\n%s", ran, strings.Join(nowhere, "\n"))
	if ran < len(calls) {
		t.Errorf("only %d containers", ran)
	}
}

// forbidding runs a container whose profile forbids one call.
func (c caller) forbidding(t *testing.T, call, action string, options ...string) (string, error) {
	t.Helper()
	name := fmt.Sprintf("forbids-%d-%d", os.Getpid(), serial.Add(1))
	profile := profileFile(t, fmt.Sprintf(`{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": [%q], "action": %q}]}`, call, action))
	args := append([]string{"run", "-d", "--init=false", "--name", name, "--label", ownLabel(), "--security-opt", "seccomp=" + profile}, options...)
	t.Cleanup(func() { removeContainer(name) })
	out, err := exec.Command("docker", append(args, testImage, "/bin/busybox", "sleep", "600")...).CombinedOutput()
	if err != nil {
		removeContainer(name)
		return "", fmt.Errorf("%w: %s", err, out)
	}
	// The profile may forbid a call that its own program needs.
	started := false
	eventually(t, name+" has started or ended", func() bool {
		state := strings.Fields(docker(t, "inspect", "-f", "{{.State.Running}} {{.State.Pid}}", name))
		line, _ := os.ReadFile("/proc/" + state[1] + "/cmdline")
		started = bytes.Contains(line, []byte("sleep"))
		return started || state[0] == "false"
	})
	if !started {
		return "", errors.New("the container has ended")
	}
	return name, nil
}

// compareForbidden runs commands in the container by docker exec and docker nsjoin and compares them.
func (c caller) compareForbidden(t *testing.T, name, call, where string) {
	for _, args := range [][]string{{name, "sh", "-c", "exit 7"}, {"-t", name, "true"}} {
		theirs, _ := c.said(append([]string{"exec"}, args...)...)
		ours, text := c.said(append([]string{"nsjoin"}, args...)...)
		refused := strings.Count(text, "docker nsjoin: ") == 1 && strings.Contains(text, call+"(2)")
		switch {
		case ours == theirs && (theirs == 0 || theirs == 7):
		case theirs == 0 || theirs == 7:
			t.Errorf("%s: %v: docker exec ends with %d, docker nsjoin with %d: %s", where, args, theirs, ours, text)
		case ours != 0 && ours != 7 && ours < 128 && !refused:
			t.Errorf("%s: %v: docker nsjoin ends with %d, and does not name the call: %s", where, args, ours, text)
		}
	}
	// A missing command is reported, too.
	if ours, text := c.said("nsjoin", name, "nosuch"); ours != 127 && !strings.Contains(text, call+"(2)") {
		t.Errorf("%s: missing command: status %d: %s", where, ours, text)
	}
}

// TestSeccompCallsTraced has a container whose processes could trace the command before it has the
// filter. docker nsjoin refuses it, in a line that names the call, unless --trust-container is given.
func TestSeccompCallsTraced(t *testing.T) {
	c := newCaller(t)
	name, err := c.forbidding(t, "setsid", "SCMP_ACT_ERRNO", "--cap-add", "SYS_PTRACE")
	if err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{name, "true"}, {"--dry-run", name, "true"}, {"inspect", name}} {
		status, text := c.said(append([]string{"nsjoin"}, args...)...)
		if status != 125 || !strings.Contains(text, "profile forbids setsid(2)") || !strings.Contains(text, "hint: ") {
			t.Errorf("%v: status %d: %s", args, status, text)
		}
	}
	if status, text := c.said("nsjoin", "--trust-container", name, "true"); status != 0 || !strings.Contains(text, "warning: ") {
		t.Errorf("--trust-container: status %d: %s", status, text)
	}
	// A profile that forbids none of our calls needs no trust.
	other, err := c.forbidding(t, "acct", "SCMP_ACT_ERRNO", "--cap-add", "SYS_PTRACE")
	if err != nil {
		t.Fatal(err)
	}
	if status, text := c.said("nsjoin", other, "true"); status != 0 || text != "" {
		t.Errorf("status %d: %s", status, text)
	}
	if docker(t, "exec", name, "grep", "-c", "Seccomp:.2", "/proc/self/status") != "1" {
		t.Error("docker exec has no filter there")
	}
	if status, text := c.said("nsjoin", "--trust-container", name, "grep", "Seccomp:.2", "/proc/self/status"); status != 0 {
		t.Errorf("the command has no filter: %s", text)
	}
}
