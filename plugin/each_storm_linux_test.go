package main

import (
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// stormCalls is the variable with the number of calls that TestEachStorm kills.
const stormCalls = "NSJOIN_TEST_EACH_CALLS"

// TestEachStorm kills 300 calls of docker nsjoin each at random points: the Docker CLI, the plugin or one of the helpers.
// Nothing may be left in the containers or on the engine.
func TestEachStorm(t *testing.T) {
	const atOnce = 6
	calls := 300
	if text := os.Getenv(stormCalls); text != "" {
		var err error
		if calls, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
	}
	seed := uint64(time.Now().UnixNano())
	if text := os.Getenv(stormSeed); text != "" {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%s=%d", stormSeed, seed)
	c := newCaller(t)
	containers := []string{c.container(t), c.container(t), c.container(t)}
	becomeReaper(t)
	var mu sync.Mutex
	met := map[string]int{}
	var all sync.WaitGroup
	for i := range atOnce {
		all.Go(func() {
			random := rand.New(rand.NewPCG(seed, uint64(i)))
			for range calls / atOnce {
				what := c.killEach(t, containers, random)
				mu.Lock()
				met[what]++
				mu.Unlock()
			}
		})
	}
	all.Wait()
	t.Logf("killed: %v", met)
	reapAll(t)
	for _, container := range containers {
		nothingIsLeft(t, container)
	}
	left := ""
	defer func() {
		if t.Failed() {
			t.Logf("helper containers: %s", left)
		}
	}()
	eventually(t, "no helper container of this caller is left", func() bool {
		left = fmt.Sprint(c.helpers(t))
		return left == "[]"
	})
}

func inOtherPIDNamespace(p process) bool {
	const link = "/proc/%d/ns/pid"
	ours, err := os.Readlink(fmt.Sprintf(link, os.Getpid()))
	theirs, failed := os.Readlink(fmt.Sprintf(link, p.pid))
	return err == nil && failed == nil && ours != theirs
}

// killEach starts a call and kills one of its processes at a random point, and then its Docker CLI if the call goes on.
// It returns what was killed first.
func (c caller) killEach(t *testing.T, containers []string, random *rand.Rand) string {
	command := stormCommands[random.IntN(len(stormCommands))]
	args := []string{"nsjoin", "each"}
	for _, option := range []string{
		"-i", "--parallel=1", "--format=json", "--fail-fast", "--timeout=700ms", "--input-timeout=500ms", "--ignore-stopped",
		"--no-prefix", "--quiet", "--group", "--retry=2",
	} {
		needsFile := slices.Contains([]string{"--group", "--retry=2"}, option) && slices.Contains(args, "-i")
		if random.IntN(3) == 0 && !needsFile {
			args = append(args, option)
		}
	}
	args = append(append(args, containers...), "--")
	cmd := c.docker(append(args, command...)...)
	in, out, err := os.Pipe()
	if err != nil {
		t.Error(err)
		return "nothing"
	}
	defer out.Close()
	cmd.Stdin, cmd.Stdout, cmd.Stderr = in, io.Discard, io.Discard
	err = cmd.Start()
	in.Close()
	if err != nil {
		t.Error(err)
		return "nothing"
	}
	ended := make(chan struct{})
	go func() { _ = cmd.Wait(); close(ended) }()
	time.Sleep(time.Duration(random.IntN(1500)) * time.Millisecond)
	// A command that is killed itself has ended, and its jobs stay as after docker exec.
	processes := slices.DeleteFunc(append(descendants(cmd.Process.Pid), process{pid: cmd.Process.Pid}), inOtherPIDNamespace)
	n := random.IntN(len(processes))
	what := []string{"the CLI", "a process below it"}[min(1, len(processes)-1-n)]
	_ = unix.Kill(processes[n].pid, stormSignals[random.IntN(len(stormSignals))])
	select {
	case <-ended:
	case <-time.After(300 * time.Millisecond):
		_ = cmd.Process.Kill()
	}
	select {
	case <-ended:
	case <-time.After(endsWithin):
		t.Errorf("the Docker CLI does not end: %v", args)
	}
	return what
}
