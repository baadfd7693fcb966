package main

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/nsjoin/docker-nsjoin/pkg/exectest"
)

// The image that scripts/images builds, and the label of each container that a test starts:
// its value is the test's process ID.
const (
	testImage = "nsjoin-test"
	testLabel = "io.nsjoin.test"
)

// starting is read-locked while a container is created, so that none is created after an
// interrupted test has removed all of them.
var starting sync.RWMutex

func ownLabel() string { return testLabel + "=" + strconv.Itoa(os.Getpid()) }

// docker runs the Docker CLI with the test's own environment and returns its standard output.
func docker(t *testing.T, args ...string) string {
	t.Helper()
	var warnings bytes.Buffer // an engine's warnings are not part of the ID that docker run prints
	cmd := exec.Command("docker", args...)
	cmd.Stderr = &warnings
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("docker %s: %v\n%s%s", strings.Join(args, " "), err, out, &warnings)
	}
	return strings.TrimSpace(string(out))
}

// runContainer runs a container that is removed when the test ends, and returns its ID.
// args are docker run's options and the command; the image goes between them, at testImage.
func runContainer(t *testing.T, args ...string) string {
	t.Helper()
	id := docker(t, append([]string{"run", "-d", "--label", ownLabel()}, args...)...)
	t.Cleanup(func() { removeContainer(id) })
	return id
}

// tryContainer is runContainer for a container with a name, which the engine may refuse to run.
// It returns what docker run prints.
func tryContainer(t *testing.T, name string, args ...string) (string, error) {
	t.Helper()
	t.Cleanup(func() { removeContainer(name) })
	args = append([]string{"run", "-d", "--name", name, "--label", ownLabel()}, args...)
	out, err := exec.Command("docker", args...).CombinedOutput()
	return string(out), err
}

func removeContainer(name string) { _ = exec.Command("docker", "rm", "-f", "-v", name).Run() }

// container runs a container until the test ends and returns its name. Its first
// process reaps orphans, as an init does.
func (c caller) container(t *testing.T, options ...string) string {
	t.Helper()
	const initProcess = "mkfifo /tmp/never && exec 3<>/tmp/never && echo ready; while :; do read -r -u 3; done"
	name := fmt.Sprintf("web-%d-%d", os.Getpid(), time.Now().UnixNano())
	args := append([]string{"--init=false", "--name", name, "--hostname", "web"}, options...)
	runContainer(t, append(args, testImage, "bash", "-c", initProcess)...)
	eventually(t, name+" is ready", func() bool { return docker(t, "logs", name) == "ready" })
	return name
}

// containerWithProgram runs a container whose first process is a program of this machine.
func (c caller) containerWithProgram(t *testing.T, program, file string, options ...string) string {
	t.Helper()
	name := fmt.Sprintf("state-%d-%s", os.Getpid(), strings.Trim(program, "/"))
	create := append([]string{"create", "--init=false", "--name", name, "--label", ownLabel()}, options...)
	docker(t, append(create, testImage, program)...)
	t.Cleanup(func() {
		eventually(t, name+" is removed", func() bool { return exec.Command("docker", "rm", "-f", "-v", name).Run() == nil })
	})
	docker(t, "cp", file, name+":"+program)
	docker(t, "start", name)
	return name
}

// testProgram returns a copy of the test's own program that can be mounted into a container.
// go test builds the program in a directory that only its user can read, and a rootless engine
// runs as another user.
func testProgram(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "nsjoin-test-") //nolint:usetesting // the parent of t.TempDir has mode 0700
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	self, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "program")
	if err := exectest.Write(file, self); err != nil {
		t.Fatal(err)
	}
	return file
}

// awaitLine waits for the first line that a container prints, or for its end. It has no time
// limit: on a busy machine, starting 10,000 processes takes longer than eventually waits.
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
		t.Fatalf("the container prints %q, not %q: %v", line, want, err)
	}
}

// inside returns what a command in the container prints, run by docker exec.
func inside(t *testing.T, container string, command ...string) string {
	t.Helper()
	return docker(t, append([]string{"exec", container}, command...)...)
}

// initOf returns the PID of a container's first process on this machine.
func initOf(t *testing.T, container string) string {
	t.Helper()
	return cmp.Or(docker(t, "inspect", "--format", "{{.State.Pid}}", container), "0")
}

// initPID is initOf as a number.
func initPID(t *testing.T, container string) int {
	t.Helper()
	pid, err := strconv.Atoi(initOf(t, container))
	if err != nil {
		t.Fatal(err)
	}
	return pid
}

// removeLeftovers removes the containers of tests that were killed.
func removeLeftovers(t *testing.T) {
	t.Helper()
	list := docker(t, "ps", "-a", "--filter", "label="+testLabel, "--format", `{{.ID}} {{.Label "`+testLabel+`"}}`)
	for line := range strings.Lines(list) {
		id, pid, _ := strings.Cut(strings.TrimSpace(line), " ")
		if n, err := strconv.Atoi(pid); err == nil && syscall.Kill(n, 0) != nil {
			docker(t, "rm", "-f", "-v", id)
		}
	}
	// Not every engine has networks.
	networks, _ := exec.Command("docker", "network", "ls", "--filter", "label="+testLabel, "--format", `{{.ID}} {{.Label "`+testLabel+`"}}`).Output()
	for line := range strings.Lines(string(networks)) {
		id, pid, _ := strings.Cut(strings.TrimSpace(line), " ")
		if n, err := strconv.Atoi(pid); err == nil && syscall.Kill(n, 0) != nil {
			_ = exec.Command("docker", "network", "rm", id).Run()
		}
	}
}

// removeOnInterrupt removes this test's containers when it is interrupted, once none is
// being created.
func removeOnInterrupt(t *testing.T) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	t.Cleanup(stop)
	go func() {
		<-ctx.Done()
		if t.Context().Err() != nil {
			return // the test has ended by itself
		}
		starting.Lock()
		for range 2 { // the engine may still be creating one for a client that was interrupted too
			ids, _ := exec.Command("docker", "ps", "-aq", "--filter", "label="+ownLabel()).Output()
			_ = exec.Command("docker", append([]string{"rm", "-f", "-v"}, strings.Fields(string(ids))...)...).Run()
			time.Sleep(time.Second)
		}
		removeCgroups()
		os.Exit(1)
	}()
}
