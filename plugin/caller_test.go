//go:build linux

package main

import (
	"cmp"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The tests in Go take the machine's containers for what the scripts can't do:
// they drive terminals and end processes.

// endsWithin is a deadline against hanging, no measure.
const endsWithin = time.Minute

// caller is a user of the test's engine, with the plugin installed.
type caller struct {
	dir string // home, working and temporary directories are in it
	env []string
}

func newCaller(t *testing.T) caller {
	t.Helper()
	engine := engineOfTest(t)
	dir := t.TempDir()
	for _, made := range []string{filepath.Join(dir, "tmp"), filepath.Join(dir, "work")} {
		if err := os.MkdirAll(made, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := engine.install(filepath.Join(dir, ".docker")); err != nil {
		t.Fatal(err)
	}
	return caller{dir: dir, env: []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "USER=root", "TERM=xterm", "LANG=C.UTF-8",
		"TMPDIR=" + filepath.Join(dir, "tmp"), "DOCKER_HOST=" + engine.host,
		"DOCKER_CONFIG=" + filepath.Join(dir, ".docker"), "XDG_RUNTIME_DIR=" + runtimeDir(t, dir),
	}}
}

// runtimeDir makes the user's runtime directory in a directory.
func runtimeDir(t *testing.T, dir string) string {
	t.Helper()
	made := filepath.Join(dir, "run")
	if err := os.Mkdir(made, 0o700); err != nil {
		t.Fatal(err)
	}
	return made
}

// helpers are the IDs of the helper's containers that are on record for this caller and
// that the engine has.
func (c caller) helpers(t *testing.T, filter ...string) []string {
	t.Helper()
	records, err := filepath.Glob(filepath.Join(c.dir, "run", "docker-nsjoin", "helper.*"))
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, r := range records {
		name := strings.TrimPrefix(filepath.Base(r), "helper.")
		ids = append(ids, strings.Fields(docker(t, append([]string{"ps", "-aq", "--filter", "name=" + name}, filter...)...))...)
	}
	return ids
}

// docker is the Docker CLI, as this caller starts it.
func (c caller) docker(args ...string) *exec.Cmd {
	cmd := exec.Command("docker", args...)
	cmd.Env = c.env
	cmd.Dir = filepath.Join(c.dir, "work")
	return cmd
}

// container runs a container until the test ends and returns its name. The first
// process takes the children of those that were killed, as an init does.
func (c caller) container(t *testing.T, options ...string) string {
	t.Helper()
	const initProcess = "mkfifo /tmp/never && exec 3<>/tmp/never && echo ready; while :; do read -r -u 3; done"
	name := fmt.Sprintf("web-%d-%d", os.Getpid(), time.Now().UnixNano())
	run := append([]string{
		"run", "-d", "--init=false", "--name", name, "--hostname", "web", "--label", ownLabel(),
	}, options...)
	docker(t, append(run, testImage, "bash", "-c", initProcess)...)
	t.Cleanup(func() { _ = exec.Command("docker", "rm", "-f", "-v", name).Run() })
	eventually(t, name+" is ready", func() bool { return docker(t, "logs", name) == "ready" })
	return name
}

// eventually waits for something that must come true.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(endsWithin); !is(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("it didn't come true within %s: %s", endsWithin, what)
		}
	}
}

// ended waits for a command that must end by itself, and returns its status as a
// shell has it.
func ended(t *testing.T, cmd *exec.Cmd) int {
	t.Helper()
	hangs := time.AfterFunc(endsWithin, func() { _ = cmd.Process.Kill() })
	err := cmd.Wait()
	if !hangs.Stop() {
		t.Errorf("%s didn't end within %s", cmd, endsWithin)
	}
	if cmd.ProcessState == nil {
		t.Fatalf("%s: %v", cmd, err)
	}
	if ws, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
		return 128 + int(ws.Signal())
	}
	return cmd.ProcessState.ExitCode()
}

// inside is what a command in the container prints, by docker exec.
func inside(t *testing.T, container string, command ...string) string {
	t.Helper()
	return docker(t, append([]string{"exec", container}, command...)...)
}

// initOf is the number of a container's first process here.
func initOf(t *testing.T, container string) string {
	t.Helper()
	return cmp.Or(strings.TrimSpace(docker(t, "inspect", "--format", "{{.State.Pid}}", container)), "0")
}
