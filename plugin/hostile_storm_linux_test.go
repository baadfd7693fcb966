package main

import (
	"bufio"
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

// measureVariable makes the test's own program measure the command in its arguments: see
// TestMeasures.
const measureVariable = "NSJOIN_TEST_MEASURE"

// TestMeasures is no test: it runs a command and writes the most memory, in KiB, that it or
// a process that it waited for had at a time: the plugin or its helper, each alone. Linux
// counts the memory of the process that starts another to that one too, until it
// executes; so a small one has to start it.
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

// measured runs the plugin and returns what it prints and the most memory, in KiB.
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
	var spent string // which other work on the machine changes less than the time
	if _, err := fmt.Sscan(string(text), &peak, &spent); err != nil {
		t.Fatal(err)
	}
	t.Logf("%.60q took %v, %s of a processor, %d MiB at most, and prints %d bytes",
		args, time.Since(began).Round(time.Millisecond), spent, peak>>10, out.Len())
	return out.String(), errs.String(), peak
}

// Before, ls read up to 4 MiB of a command line for each of them: 150 processes in 15 MiB of
// the container's memory took 1.4 GB of the host's.
func TestHostileStorm(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts 10,000 processes")
	}
	c := newCaller(t)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	container := docker(t, "run", "-d", "--init=false", "--label", ownLabel(), "-v", self+":/attacker:ro", "-e", stormVariable+"=begin",
		"--cap-add", "SYS_ADMIN", "--security-opt", "seccomp=unconfined", "--pids-limit", fmt.Sprint(stormSize+100),
		testImage, "/attacker", "-test.run=^TestStormOfProcesses$", "-test.timeout=10m")
	t.Cleanup(func() { _ = exec.Command("docker", "rm", "-f", "-v", container).Run() })
	awaitLine(t, container, "ready")
	guest := c.docker("nsjoin", "--only", "net", container, "sleep", "600")
	if err := guest.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = guest.Process.Kill(); _ = guest.Wait() })
	eventually(t, "the guest is there", func() bool {
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
			t.Errorf("%q says %q", row.args, stderr)
		}
		checkPrintable(t, fmt.Sprint(row.args), stdout+stderr)
	}
}

// awaitLine waits for the first line that a container prints, or its end. On a machine that
// is busy with other tests a storm takes more than the minute that eventually gives.
func awaitLine(t *testing.T, container, want string) {
	t.Helper()
	logs := exec.Command("docker", "logs", "--follow", container)
	out, err := logs.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := logs.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	_ = logs.Process.Kill()
	_ = logs.Wait()
	if strings.TrimSpace(line) != want {
		t.Fatalf("the container says %q, %v", line, err)
	}
}

// checkPrintable fails on a character that a terminal obeys or that can't be seen.
func checkPrintable(t *testing.T, what, text string) {
	t.Helper()
	if got := printable.Lines(text); got != text {
		t.Errorf("%s prints %.2000q", what, text)
	}
}
