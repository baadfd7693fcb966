//go:build linux

package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// stormSeed is a variable with the seed of a storm, to repeat it.
const stormSeed = "NSJOIN_TEST_SEED"

// stormLength is a variable with the duration of a storm, which then has little memory. Without
// it a storm has 200 sessions.
const stormLength = "NSJOIN_TEST_STORM"

// TestStorm ends sessions at random points with random signals to their processes. Nothing may be
// left of them.
func TestStorm(t *testing.T) {
	var until time.Time
	limited := "" // the cgroup of the sessions
	if text := os.Getenv(stormLength); text != "" {
		length, err := time.ParseDuration(text)
		if err != nil {
			t.Fatal(err)
		}
		until = time.Now().Add(length)
		limited = limitMemory(t, stormMemory)
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
	web := c.container(t)
	becomeReaper(t)
	if err := os.WriteFile(c.output(), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	c.storm(t, web, limited, rand.New(rand.NewPCG(seed, 0))) // some descriptors stay open after the first session
	reapAll(t)
	before := leftoversOf(t, c, web)

	random := rand.New(rand.NewPCG(seed, 1))
	met := map[string]int{}
	for range 100 {
		met[c.storm(t, web, limited, random)]++
	}
	var mu sync.Mutex
	var group sync.WaitGroup
	for i := range 20 {
		group.Go(func() {
			random := rand.New(rand.NewPCG(seed, uint64(i+2)))
			for n := 0; n < 5 || time.Now().Before(until); n++ {
				what := c.storm(t, web, limited, random)
				mu.Lock()
				met[what]++
				mu.Unlock()
			}
		})
	}
	group.Wait()
	t.Logf("the signals met: %v", met)
	for _, stage := range []string{"the CLI before the helper", "the CLI with the command", "the helper with the command"} {
		if met[stage] == 0 {
			t.Errorf("no signal met %s", stage)
		}
	}

	reapAll(t)
	nothingIsLeft(t, web)
	var differs string
	defer func() {
		if differs != "" {
			t.Logf("differences: %s", differs)
		}
	}()
	eventually(t, "everything is as before the storm", func() bool {
		differs = leftoversOf(t, c, web).more(before)
		return differs == ""
	})
}

// stormMemory is less, in bytes, than 20 sessions and the files that they read need.
const stormMemory = 120 << 20

// limitMemory creates a cgroup with a memory limit, and returns its directory.
func limitMemory(t *testing.T, limit int) string {
	t.Helper()
	group, file, events := "/sys/fs/cgroup/memory/nsjoin-storm", "memory.limit_in_bytes", "memory.oom_control"
	if _, err := os.Stat(filepath.Dir(group)); err != nil {
		group, file, events = "/sys/fs/cgroup/nsjoin-storm", "memory.max", "memory.events"
	}
	if err := os.Mkdir(group, 0o755); err != nil && !os.IsExist(err) {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(group, file), []byte(strconv.Itoa(limit)), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		text, err := os.ReadFile(filepath.Join(group, events))
		t.Logf("%s: %q, %v", events, text, err)
		eventually(t, "the cgroup is removed", func() bool { return os.Remove(group) == nil })
	})
	return group
}

// stormCommands are the commands of the sessions.
var stormCommands = [][]string{
	{"sleep", "600"},
	{"sh", "-c", "sleep 600 & sleep 600"},
	{"bash", "-c", "set -m; sleep 600 & sleep 600 & wait"},
	{"cat"},
	{"yes"},
	{"sh"},
	{"true"},
	{"nosuch"},
}

var stormSignals = []unix.Signal{
	unix.SIGKILL, unix.SIGKILL, unix.SIGKILL, unix.SIGTERM, unix.SIGINT, unix.SIGHUP, unix.SIGQUIT, unix.SIGUSR1,
}

// output returns the file that some sessions write to.
func (c caller) output() string { return filepath.Join(c.dir, ".output") }

// storm starts a session and ends it. It returns which process got the signal, and at what stage.
func (c caller) storm(t *testing.T, web, limited string, random *rand.Rand) string {
	command := append([]string{web}, stormCommands[random.IntN(len(stormCommands))]...)
	cmd := c.docker(append([]string{"nsjoin"}, command...)...)
	hangUp := func() {}
	switch random.IntN(4) {
	case 0, 1:
		y := newTTY(t)
		cmd.Stdin, cmd.Stdout, cmd.Stderr = y.theirs, y.theirs, y.theirs
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
		go y.screen.follow(y.ours.Read)
		hangUp = y.close
	case 2:
		r, w, err := os.Pipe()
		if err != nil {
			t.Error(err)
			return "nothing"
		}
		cmd = c.docker(append([]string{"nsjoin", "-i"}, command...)...)
		cmd.Stdin, cmd.Stdout = r, w
		hangUp = func() { r.Close(); w.Close() }
	case 3:
		f, err := os.OpenFile(c.output(), os.O_RDWR|os.O_TRUNC, 0)
		if err != nil {
			t.Error(err)
			return "nothing"
		}
		cmd.Stdin, cmd.Stdout, cmd.Stderr = f, f, f
		hangUp = func() { f.Close() }
	}
	if err := cmd.Start(); err != nil {
		t.Error(err)
		hangUp()
		return "nothing"
	}
	if limited != "" {
		_ = os.WriteFile(filepath.Join(limited, "cgroup.procs"), []byte(strconv.Itoa(cmd.Process.Pid)), 0o600) // an error means that it has ended
	}
	done := make(chan struct{})
	go func() { _ = cmd.Wait(); close(done) }()
	met := strike(cmd, random, done)
	select {
	case <-done:
	case <-time.After(time.Duration(random.IntN(100)) * time.Millisecond):
		_ = cmd.Process.Kill() // the signal did not end it
	}
	hangUp()
	select {
	case <-done:
	case <-time.After(endsWithin):
		t.Errorf("%v does not end", cmd.Args)
	}
	return met
}

// strike sends a signal soon after the start, after the helper has started, or after the command
// has.
func strike(cmd *exec.Cmd, random *rand.Rand, done chan struct{}) string {
	cli, phase := cmd.Process.Pid, random.IntN(3)
	var helper process
	for there := phase == 0; !there; {
		select {
		case <-done:
			return "its end"
		case <-time.After(time.Millisecond):
		}
		helper, there = helperOf(cli)
		if there && phase == 2 {
			_, there = commandOf(helper.pid)
		}
	}
	time.Sleep(time.Duration(random.IntN(60)) * time.Millisecond)
	helper, there := helperOf(cli)
	pid, name := cli, "the CLI"
	if there && random.IntN(2) == 0 {
		pid, name = helper.pid, "the helper"
	}
	signal := stormSignals[random.IntN(len(stormSignals))]
	stage := "before the helper"
	if there {
		stage = "before the command"
		if _, runs := commandOf(helper.pid); runs {
			stage = "with the command"
		}
	}
	_ = unix.Kill(pid, signal)
	return fmt.Sprintf("%s %s", name, stage)
}
