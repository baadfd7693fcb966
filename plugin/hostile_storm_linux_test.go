package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nsjoin/docker-nsjoin/pkg/printable"
)

// measureVariable makes the test program measure the command in its arguments: see
// TestMeasures.
const measureVariable = "NSJOIN_TEST_MEASURE"

// TestMeasures is not a test: it runs a command and writes the peak memory, in KiB, of the
// largest process, the plugin or its helper. Until a child executes its program, Linux counts
// its parent's memory for it, so a small process has to start the command.
func TestMeasures(t *testing.T) {
	into := os.Getenv(measureVariable)
	if into == "" {
		return
	}
	args := os.Args[len(os.Args)-1:]
	if err := json.Unmarshal([]byte(args[0]), &args); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	err := cmd.Run()
	if usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		spent := cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
		_ = os.WriteFile(into, fmt.Append(nil, usage.Maxrss, " ", spent), 0o600)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// measured runs the plugin and returns its output and its peak memory in KiB.
func (c caller) measured(t *testing.T, args ...string) (stdout, stderr string, peak int) {
	t.Helper()
	plugin, err := filepath.Abs("../build/docker-nsjoin")
	if err != nil {
		t.Fatal(err)
	}
	command, err := json.Marshal(append([]string{plugin, "nsjoin"}, args...))
	if err != nil {
		t.Fatal(err)
	}
	into := filepath.Join(t.TempDir(), "peak")
	cmd := exec.Command(os.Args[0], "-test.run=^TestMeasures$", string(command))
	cmd.Env = append(c.env, measureVariable+"="+into)
	cmd.Dir = filepath.Join(c.dir, "work")
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	began := time.Now()
	if err := cmd.Run(); err != nil {
		t.Fatalf("%q: %v: %s", args, err, &errs)
	}
	text, err := os.ReadFile(into)
	if err != nil {
		t.Fatal(err)
	}
	var spent string // processor time, which depends less on other work of the machine
	if _, err := fmt.Sscan(string(text), &peak, &spent); err != nil {
		t.Fatal(err)
	}
	t.Logf("%.60q took %v, %s of processor time, %d MiB at most, and printed %d bytes",
		args, time.Since(began).Round(time.Millisecond), spent, peak>>10, out.Len())
	return out.String(), errs.String(), peak
}

// ls handles 10,000 processes in limited memory. Before, it read up to 4 MiB of each process's
// command line: 150 processes that used 15 MiB in the container took 1.4 GB on the host.
func TestHostileStorm(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts 10,000 processes")
	}
	c := newCaller(t)
	container := runContainer(t, "--init=false", "-v", testProgram(t)+":/attacker:ro", "-e", stormVariable+"=begin",
		"--cap-add", "SYS_ADMIN", "--security-opt", "seccomp=unconfined", "--pids-limit", fmt.Sprint(stormSize+100),
		testImage, "/attacker", "-test.run=^TestStormOfProcesses$", "-test.timeout=10m")
	awaitLine(t, container, "ready")
	guest := c.docker("nsjoin", "--only", "net", container, "sleep", "600")
	if err := guest.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = guest.Process.Kill(); _ = guest.Wait() })
	eventually(t, "ls shows the guest", func() bool {
		out, _ := c.docker("nsjoin", "ls", "--format", "{{.Guests}}", "--filter", "id="+container).Output()
		return strings.TrimSpace(string(out)) == "1"
	})
	const most = 64 << 10 // KiB
	for _, row := range []struct {
		args   []string
		prints string
		warns  string
	}{
		{args: []string{"ls"}, prints: "GUESTS"},
		{args: []string{"ls", container}, prints: "sleep 600"},
		{args: []string{"ls", "--format", "json"}, prints: `"Command":"sleep 600"`},
		{args: []string{"ls", "--format", "tree"}, prints: "sleep 600"},
		{args: []string{"ls", "--all"}, prints: "HELD BY", warns: "namespaces of no container are not listed"},
		{args: []string{"ls", "--all", "--format", "json"}, prints: `"Cut":{"namespaces":`, warns: "are not listed"},
		{args: []string{"inspect", container}, prints: "sleep 600"},
		{args: []string{"--dry-run", container, "true"}, prints: "run true in"},
	} {
		stdout, stderr, peak := c.measured(t, row.args...)
		if peak > most {
			t.Errorf("%q: %d KiB, more than %d", row.args, peak, most)
		}
		if !strings.Contains(stdout, row.prints) || !strings.Contains(stderr, row.warns) {
			t.Errorf("%q prints %.1000q, %q", row.args, stdout, stderr)
		}
		if row.warns == "" && stderr != "" {
			t.Errorf("%q: stderr %q", row.args, stderr)
		}
		checkPrintable(t, fmt.Sprint(row.args), stdout+stderr)
	}
}

// checkPrintable fails if text has a terminal control sequence or an invisible character.
func checkPrintable(t *testing.T, what, text string) {
	t.Helper()
	if got := printable.Lines(text); got != text {
		t.Errorf("%s prints %.2000q", what, text)
	}
}
