package main

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// Commands in 20 containers write 50 MB each at the same time. Neither docker nsjoin nor the process that starts their helpers
// ever has 32 MiB of memory, their program files included.
func TestEachMemory(t *testing.T) {
	const (
		containers = 20
		output     = 50 << 20 // of each
		most       = 32 << 10 // KiB
	)
	c := newCaller(t)
	var names []string
	for range containers {
		names = append(names, c.container(t, "--network", "none"))
	}
	for _, way := range []string{"local", "engine"} {
		t.Run(way, func(t *testing.T) {
			c.measureEach(t, way, names, output, most)
		})
	}
}

// measureEach has each container write output bytes, and measures the memory while the commands wait for their end.
func (c caller) measureEach(t *testing.T, way string, names []string, output, most int) {
	t.Helper()
	script := fmt.Sprintf("head -c %d /dev/zero; cat", output)
	cmd := c.docker(slices.Concat([]string{"nsjoin", "each", "-i", "--no-prefix", "--via", way}, names, []string{"--", "sh", "-c", script})...)
	end, err := cmd.StdinPipe() // the commands wait for it
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := io.CopyN(io.Discard, out, int64(len(names)*output)); err != nil {
		t.Error(err)
	}
	plugin := memoryOf(t, "the plugin", pluginOf(t, cmd.Process.Pid), most)
	many := childWith(plugin, "many")
	if way == "engine" {
		many = multiplexersOf(t, c)
	}
	memoryOf(t, "the multiplexer", many, most)
	end.Close()
	if _, err := io.Copy(io.Discard, out); err != nil {
		t.Error(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}

// pluginOf returns the plugin that a Docker CLI has started.
func pluginOf(t *testing.T, cli int) int {
	t.Helper()
	for _, p := range descendants(cli) {
		if p.parent == cli {
			return p.pid
		}
	}
	t.Fatal("the Docker CLI has no child")
	return 0
}

// childWith returns the child of a process that has an argument.
func childWith(parent int, arg string) int {
	for _, p := range descendants(parent) {
		if p.parent == parent && slices.Contains(p.args, arg) {
			return p.pid
		}
	}
	return 0
}

// multiplexersOf returns the first process of the caller's only helper container.
func multiplexersOf(t *testing.T, c caller) int {
	t.Helper()
	ids := c.helpers(t)
	if len(ids) != 1 {
		t.Fatalf("helper containers: %v", ids)
	}
	pid, err := strconv.Atoi(docker(t, "inspect", "--format", "{{.State.Pid}}", ids[0]))
	if err != nil {
		t.Fatal(err)
	}
	return pid
}

// memoryOf fails if a process has ever had more memory than most, in KiB. It returns the process.
func memoryOf(t *testing.T, what string, pid, most int) int {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, peak, _ := strings.Cut(string(text), "VmHWM:")
	kib, err := strconv.Atoi(strings.Fields(peak)[0])
	t.Logf("%s: %d KiB", what, kib)
	if err != nil || kib > most {
		t.Errorf("%s has had %d KiB of memory, %v", what, kib, err)
	}
	return pid
}
