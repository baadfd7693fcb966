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

// atQuestion starts a command through an engine that does not answer at one question, and
// returns its client once the question has come.
func atQuestion(t *testing.T, e *breakingEngine, run, web string) *exec.Cmd {
	t.Helper()
	cmd := sharing(t, e.host, run, "--via", "engine", web, "echo", "joined")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	<-e.broke
	return cmd
}

// sharing is a client whose runtime directory other clients have too.
func sharing(t *testing.T, host, run string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := (&brokenEngine{host: host}).plugin(t, args...)
	cmd.Env = append(cmd.Env, "XDG_RUNTIME_DIR="+run)
	return cmd
}

// joins runs a command that must succeed.
func joins(t *testing.T, host, run, web string) {
	t.Helper()
	cmd := sharing(t, host, run, "--via", "engine", web, "echo", "joined")
	if out, errs := output(t, cmd); out != "joined\n" || errs != "" {
		t.Fatalf("it prints %q and says %q", out, errs)
	}
}

// A client that is killed before it has started its helper's container leaves that. The
// next call on the same engine removes it, and nothing else.
func TestBreaksWhereTheClientIsKilled(t *testing.T) {
	c := newCaller(t)
	engine := engineOfTest(t)
	web := c.container(t)
	for _, row := range []struct {
		at  string
		how breaks
	}{
		{"POST /containers/create", keepsAnswer}, // the client has not learned the ID
		{"PUT /containers/*/archive", answersNothing},
		{"POST /containers/*/start", answersNothing},
	} {
		t.Run(row.at, func(t *testing.T) {
			run := runtimeDir(t, t.TempDir())
			e := newBreakingEngine(t, engine, row.at, row.how)
			cmd := atQuestion(t, e, run, web)
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			_ = cmd.Wait()
			left := docker(t, "ps", "-aq", "--filter", "name="+e.made()[0])
			if left == "" {
				t.Fatal("the client has left nothing")
			}
			e.heal()
			other := lookalike(t, web)
			joins(t, engine.host, run, web) // another engine, for all that is known
			if docker(t, "ps", "-aq", "--filter", "id="+left) == "" {
				t.Error("it was removed from an engine of another address")
			}
			joins(t, e.host, run, web)
			noHelper(t, e)
			if docker(t, "ps", "-aq", "--filter", "name="+other) == "" || docker(t, "volume", "ls", "-q", "--filter", "name="+other) == "" {
				t.Error("a container that no client has made was removed, or its volume")
			}
			if left, err := filepath.Glob(filepath.Join(run, "docker-nsjoin", "*")); err != nil || len(left) > 0 {
				t.Errorf("on record are %q, %v", left, err)
			}
		})
	}
}

// lookalike makes a container with a volume, and with all that a helper's has but that
// no client has made it.
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

// A call does not sweep the container of a client that lives.
func TestBreaksOfTwoClientsAtOnce(t *testing.T) {
	c := newCaller(t)
	web := c.container(t)
	run := runtimeDir(t, t.TempDir())
	e := newBreakingEngine(t, engineOfTest(t), "PUT /containers/*/archive", answersNothing)
	first := atQuestion(t, e, run, web)
	e.heal()
	joins(t, e.host, run, web)
	if docker(t, "ps", "-aq", "--filter", "name="+e.made()[0]) == "" {
		t.Error("the container of a living client was removed")
	}
	if err := first.Process.Signal(unix.SIGINT); err != nil {
		t.Fatal(err)
	}
	if status := ended(t, first); status != 125 {
		t.Errorf("exit status %d", status)
	}
	noHelper(t, e)
}
