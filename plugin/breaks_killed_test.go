//go:build linux

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// startUntilBreak starts a command through an engine that leaves one request unanswered, and
// returns the client once the engine has received that request.
func startUntilBreak(t *testing.T, e *breakingEngine, run, web string) *exec.Cmd {
	t.Helper()
	cmd := pluginWithRunDir(t, e.host, run, "--via", "engine", web, "echo", "joined")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	<-e.broke
	return cmd
}

// pluginWithRunDir returns a client with a given runtime directory, which clients can share.
func pluginWithRunDir(t *testing.T, host, run string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := (&brokenEngine{host: host}).plugin(t, args...)
	cmd.Env = append(cmd.Env, "XDG_RUNTIME_DIR="+run)
	return cmd
}

// joins runs a command, which must succeed.
func joins(t *testing.T, host, run, web string) {
	t.Helper()
	cmd := pluginWithRunDir(t, host, run, "--via", "engine", web, "echo", "joined")
	if out, errs := output(t, cmd); out != "joined\n" || errs != "" {
		t.Fatalf("stdout %q, stderr %q", out, errs)
	}
}

// A client that is killed before it has started its helper container leaves the container
// behind. The next call on the same engine removes it, and nothing else.
func TestBreaksWhenTheClientIsKilled(t *testing.T) {
	c := newCaller(t)
	engine := engineOfTest(t)
	web := c.container(t)
	for _, row := range []struct {
		at  string
		how breaks
	}{
		{"POST /containers/create", keepsAnswer}, // the client does not know the ID
		{"POST /containers/*/attach", answersNothing},
		{"POST /containers/*/start", answersNothing},
	} {
		t.Run(row.at, func(t *testing.T) {
			run := runtimeDir(t, t.TempDir())
			joins(t, engine.host, runtimeDir(t, t.TempDir()), web) // loads the helper's image, without which no container is made
			e := newBreakingEngine(t, engine, row.at, row.how)
			cmd := startUntilBreak(t, e, run, web)
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			_ = cmd.Wait()
			left := docker(t, "ps", "-aq", "--filter", "name="+e.made()[0])
			if left == "" {
				t.Fatal("the client has left no container")
			}
			e.heal()
			other := lookalike(t, web)
			joins(t, engine.host, run, web) // at this address it looks like another engine
			if docker(t, "ps", "-aq", "--filter", "id="+left) == "" {
				t.Error("the container was removed through another address of the engine")
			}
			joins(t, e.host, run, web)
			noHelper(t, e)
			if docker(t, "ps", "-aq", "--filter", "name="+other) == "" || docker(t, "volume", "ls", "-q", "--filter", "name="+other) == "" {
				t.Error("a container that no client created was removed, or its volume")
			}
			nothingOnRecord(t, []string{engine.host, e.host}, run, web)
		})
	}
}

// nothingOnRecord fails if calls leave records. The next call on the same engine removes the record of the one
// before it, once the engine has removed the container.
func nothingOnRecord(t *testing.T, hosts []string, run, web string) {
	t.Helper()
	eventually(t, "nothing is left on record", func() bool {
		for _, host := range hosts {
			_, errs := output(t, pluginWithRunDir(t, host, run, "--via", "engine", "--helper-image", testImage, web, "true"))
			if errs != "" {
				t.Fatal(errs)
			}
		}
		left, err := filepath.Glob(filepath.Join(run, "docker-nsjoin", "*"))
		return err == nil && len(left) == 0
	})
}

// lookalike creates a container with a volume and the labels of a helper container. No
// client has it on record.
func lookalike(t *testing.T, web string) string {
	t.Helper()
	name := fmt.Sprintf("docker-nsjoin-%032x", os.Getpid())
	id := docker(t, "inspect", "--format", "{{.Id}}", web)
	docker(t, "create", "--name", name, "--label", ownLabel(), "--label", "io.nsjoin.call="+strings.Repeat("0", 32),
		"--label", "io.nsjoin.helper=1", "--label", "io.nsjoin.serves="+id, "-v", name+":/data", testImage)
	t.Cleanup(func() {
		docker(t, "rm", "-f", name)
		docker(t, "volume", "rm", name)
	})
	return name
}

// A call does not remove the helper container of a client that still runs.
func TestBreaksWithTwoClients(t *testing.T) {
	c := newCaller(t)
	web := c.container(t)
	run := runtimeDir(t, t.TempDir())
	e := newBreakingEngine(t, engineOfTest(t), "POST /containers/*/attach", answersNothing)
	first := startUntilBreak(t, e, run, web)
	e.heal()
	joins(t, e.host, run, web)
	if docker(t, "ps", "-aq", "--filter", "name="+e.made()[0]) == "" {
		t.Error("the helper container of a running client was removed")
	}
	if err := first.Process.Signal(unix.SIGINT); err != nil {
		t.Fatal(err)
	}
	if status := ended(t, first); status != 125 {
		t.Errorf("exit status %d", status)
	}
	noHelper(t, e)
}
