//go:build linux

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// endsWithin limits how long a test waits for something that hangs. It measures nothing.
const endsWithin = time.Minute

// caller is a user of the test's engine who has the plugin installed.
type caller struct {
	dir string // home, working and temporary directories are in it
	env []string
}

func newCaller(t *testing.T) caller {
	t.Helper()
	engine := engineOfTest(t)
	dir := t.TempDir()
	t.Cleanup(func() { endProgramsIn(t, dir) }) // after the containers are removed
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

// endProgramsIn kills the processes whose program was called by a path in dir: what a test leaves in the background when it fails
// or is skipped.
func endProgramsIn(t *testing.T, dir string) {
	t.Helper()
	for _, p := range processes() {
		if len(p.args) > 0 && strings.HasPrefix(p.args[0], dir+"/") {
			t.Logf("left in the background: %s", p)
			_ = unix.Kill(p.pid, unix.SIGKILL)
		}
	}
}

// runtimeDir creates the user's runtime directory in dir.
func runtimeDir(t *testing.T, dir string) string {
	t.Helper()
	made := filepath.Join(dir, "run")
	if err := os.Mkdir(made, 0o700); err != nil {
		t.Fatal(err)
	}
	return made
}

// helpers returns the IDs of the helper containers that this caller has on record and that the
// engine still has.
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

// docker returns a command of the Docker CLI with this caller's environment.
func (c caller) docker(args ...string) *exec.Cmd {
	cmd := exec.Command("docker", args...)
	cmd.Env = c.env
	cmd.Dir = filepath.Join(c.dir, "work")
	return cmd
}

// eventually waits for a condition. what describes it for the failure message.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(endsWithin); !is(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within %s: %s", endsWithin, what)
		}
	}
}
