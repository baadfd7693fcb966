package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// An engine that ends and is started again, with --live-restore, still knows which volumes are in use. It needs an engine that
// it may end: scripts/engine run restore.
func TestVolumesAfterEngineRestart(t *testing.T) {
	if !strings.HasSuffix(os.Getenv("NSJOIN_TEST_ENGINE"), "restore") {
		t.Fatal("this test restarts its engine: scripts/engine run restore")
	}
	c := newCaller(t)
	web := c.container(t)
	plain, kept := web+"-plain", web+"-kept"
	for _, volume := range []string{plain, kept} {
		docker(t, "volume", "create", "--label", "nsjoin.test="+web, volume)
		t.Cleanup(func() { _ = exec.Command("docker", "volume", "rm", "-f", volume).Run() })
	}
	c.nsjoin(t, 0, "mount", "--mkdir", web, plain+":/plain")
	c.nsjoin(t, 0, "mount", "--mkdir", "--keep", "-d", web, kept+":/kept")
	inside(t, web, "touch", "/plain/file", "/kept/file")
	holders := func(volume string) []string {
		return strings.Fields(docker(t, "ps", "-q", "--filter", "label=io.nsjoin.volume="+volume))
	}
	stays := func(volume string) {
		t.Helper()
		out, err := exec.Command("docker", "volume", "rm", volume).CombinedOutput()
		if err == nil || !strings.Contains(string(out), "use") {
			t.Errorf("%v: %s", err, out)
		}
	}
	goes := func(volume string) {
		t.Helper()
		eventually(t, volume+" can be removed", func() bool { return exec.Command("docker", "volume", "rm", volume).Run() == nil })
	}

	removed := runContainer(t, "--rm", testImage, "sleep", "600")
	gone := func() bool { return docker(t, "ps", "-q", "--no-trunc", "--filter", "id="+removed) == "" }
	if gone() {
		t.Fatal("the container does not run")
	}

	before := holders(kept)
	restartEngine(t)
	if gone() { // 20.10
		t.Skip("a restart of this engine removes the running containers of docker run --rm, and so those that hold volumes")
	}
	stays(plain)
	stays(kept)
	// What the call with --keep holds has ended with the engine, and is made again: one for the mount, one for the call.
	eventually(t, "the kept volume is held again", func() bool { now := holders(kept); return len(now) == 2 && !slices.Equal(now, before) })
	if len(holders(plain)) != 1 {
		t.Errorf("%d containers hold %s", len(holders(plain)), plain)
	}
	prune := []string{"volume", "prune", "-f", "--filter", "label=nsjoin.test=" + web}
	if !strings.HasPrefix(docker(t, "version", "--format", "{{.Server.Version}}"), "20.") {
		prune = append(prune, "--filter", "all=true")
	}
	docker(t, prune...)
	if out := inside(t, web, "ls", "/plain/file", "/kept/file"); strings.Count(out, "file") != 2 {
		t.Error(out)
	}
	c.nsjoin(t, 0, "umount", web, "/plain")
	goes(plain)
	docker(t, "stop", "-t", "0", web)
	eventually(t, "the mount's own container has ended", func() bool { return len(holders(kept)) == 1 })
	stays(kept)
	docker(t, "start", web)
	eventually(t, "it is mounted again", func() bool { return exec.Command("docker", "exec", web, "test", "-e", "/kept/file").Run() == nil })
	c.nsjoin(t, 0, "umount", web, "/kept")
	goes(kept)
}

// restartEngine ends the test's own engine, and starts it as it was.
func restartEngine(t *testing.T) {
	t.Helper()
	old := listenerOf(t, strings.TrimPrefix(os.Getenv("DOCKER_HOST"), "unix://"))
	dir := filepath.Join("/proc", strconv.Itoa(old))
	line, errLine := os.ReadFile(dir + "/cmdline")
	env, errEnv := os.ReadFile(dir + "/environ")
	if errLine != nil || errEnv != nil {
		t.Fatal(errLine, errEnv)
	}
	var files []*os.File
	for _, name := range []string{"net", "mnt"} {
		f, err := os.Open(dir + "/ns/" + name)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		files = append(files, f)
	}
	kill(t, old, unix.SIGTERM)
	eventually(t, "dockerd has ended", func() bool { p, there := readProcess(old); return !there || p.dead() })
	words := strings.Split(strings.TrimSuffix(string(line), "\x00"), "\x00")
	cmd := exec.Command("nsenter", append([]string{"--net=/proc/self/fd/3", "--mount=/proc/self/fd/4", "--"}, words...)...)
	cmd.Env, cmd.ExtraFiles = strings.Split(strings.TrimSuffix(string(env), "\x00"), "\x00"), files
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	log, err := os.Create(filepath.Join(t.TempDir(), "dockerd"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { _ = cmd.Wait() }() // another test, or scripts/engine, ends it
	eventually(t, "dockerd answers", func() bool { return exec.Command("docker", "version").Run() == nil })
}
