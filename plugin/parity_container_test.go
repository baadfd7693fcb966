//go:build linux

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// parityCgroup is the parent cgroup that a row creates.
const parityCgroup = "nsjoin-parity"

// run runs a container with these arguments of docker run and returns its name.
func (p *parity) run(t *testing.T, words string) (string, error) {
	t.Helper()
	if !regexp.MustCompile(`\bnsjoin-(test|scratch|config)\b`).MatchString(words) {
		words += " " + testImage + " sleep 600"
	}
	name := fmt.Sprintf("parity-%d-%d", os.Getpid(), time.Now().UnixNano())
	ctx, cancel := context.WithTimeout(t.Context(), parityWithin)
	defer cancel()
	cmd := p.shell(ctx, fmt.Sprintf("docker run -d --name %s --label %s %s", name, ownLabel(), words))
	starting.RLock()
	text, err := cmd.CombinedOutput()
	starting.RUnlock()
	switch {
	case err == nil && !bytes.Contains(text, []byte("discarded")):
		return name, p.settled(t, name)
	case err == nil:
		err = errors.New("a limit is not supported")
	}
	removeContainer(name)
	return "", fmt.Errorf("docker run %s: %w: %s", words, err, text)
}

// start is run for a container that must start.
func (p *parity) start(t *testing.T, words string) string {
	t.Helper()
	name, err := p.run(t, words)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { docker(t, "rm", "-f", "-v", name) })
	return name
}

// settled waits until the container's first process, which may be a shell that first changes
// some files, executes sleep. It asks the engine if this /proc does not have the process.
func (p *parity) settled(t *testing.T, name string) error {
	t.Helper()
	pid := initOf(t, name)
	for deadline := time.Now().Add(parityWithin); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		args, err := os.ReadFile("/proc/" + pid + "/cmdline")
		if err == nil && isSleep(string(args)) {
			return nil
		}
		if err == nil {
			continue
		}
		names, err := exec.Command("docker", "top", name, "-eo", "pid,comm").Output()
		if err != nil {
			break
		}
		if bytes.Contains(names, []byte(" sleep\n")) || bytes.Contains(names, []byte(" busybox\n")) {
			return nil
		}
	}
	return fmt.Errorf("the container's first process is not sleep: %s", docker(t, "logs", name))
}

func isSleep(cmdline string) bool {
	return slices.ContainsFunc(strings.Split(cmdline, "\x00"), func(arg string) bool { return path.Base(arg) == "sleep" })
}

// removeCgroups removes the parent cgroup of a row, which engines leave behind.
func removeCgroups() {
	text, _ := os.ReadFile("/proc/self/mounts")
	for line := range strings.Lines(string(text)) {
		if fields := strings.Fields(line); len(fields) > 2 && strings.HasPrefix(fields[2], "cgroup") {
			_ = os.Remove(filepath.Join(fields[1], parityCgroup))
		}
	}
}
