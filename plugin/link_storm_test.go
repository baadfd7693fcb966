//go:build linux

package main

import (
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestLinkStorm ends clients of commands with --via engine at random points. Nothing is left
// except containers whose client was killed before it started them: later calls remove those.
func TestLinkStorm(t *testing.T) {
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
	var group sync.WaitGroup
	for i := range 5 {
		group.Go(func() {
			random := rand.New(rand.NewPCG(seed, uint64(i)))
			for range 8 {
				c.strikeByEngine(t, web, random)
			}
		})
	}
	group.Wait()
	nothingIsLeft(t, web)
	eventually(t, "no started helper container is left", func() bool {
		return len(c.helpers(t)) == len(c.helpers(t, "--filter", "status=created"))
	})
	t.Logf("%d helper containers were never started", len(c.helpers(t)))
	deadline := time.Now().Add(4 * endsWithin)
	for len(c.helpers(t)) > 0 {
		if time.Now().After(deadline) {
			t.Fatalf("not removed: %q", c.helpers(t))
		}
		if out, err := c.docker("nsjoin", "--via", "engine", web, "true").CombinedOutput(); err != nil || len(out) > 0 {
			t.Fatalf("a later call: %v, %s", err, out)
		}
	}
}

// strikeByEngine starts a command and sends a signal to its client.
func (c caller) strikeByEngine(t *testing.T, web string, random *rand.Rand) {
	command := stormCommands[random.IntN(len(stormCommands))]
	cmd := c.docker(append([]string{"nsjoin", "-i", "--via", "engine", web}, command...)...)
	in, err := cmd.StdinPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Error(err)
		return
	}
	done := make(chan struct{})
	go func() { _ = cmd.Wait(); close(done) }()
	time.Sleep(time.Duration(random.IntN(2000)) * time.Millisecond)
	target := cmd.Process.Pid
	if plugin := offspring(target, "docker-nsjoin"); plugin > 0 && random.IntN(2) == 0 {
		target = plugin
	}
	_ = unix.Kill(target, stormSignals[random.IntN(len(stormSignals))])
	select {
	case <-done:
	case <-time.After(time.Duration(random.IntN(1000)) * time.Millisecond):
		_ = cmd.Process.Kill()
	}
	in.Close()
	select {
	case <-done:
	case <-time.After(endsWithin):
		t.Errorf("%v does not end", cmd.Args)
	}
}
