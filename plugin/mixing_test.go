//go:build linux

package main

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"strconv"
	"testing"

	"github.com/nsjoin/docker-nsjoin/pkg/ns"
)

// newMixing starts two containers and three processes.
func newMixing(t *testing.T) *mixing {
	t.Helper()
	engine := engineOfTest(t)
	config := t.TempDir()
	if err := engine.install(config); err != nil {
		t.Fatal(err)
	}
	m := &mixing{
		env:     append(os.Environ(), "DOCKER_CONFIG="+config, "DOCKER_HOST="+engine.host),
		host:    source{"host", "host", os.Getpid()},
		web:     contained(t, "web"),
		other:   contained(t, "other"),
		base:    isolated(t, "base", "--cgroup", "--ipc", "--mount", "--net", "--pid", "--time", "--user", "--map-root-user", "--uts"),
		process: isolated(t, "process", "--cgroup", "--ipc", "--mount", "--net", "--pid", "--time", "--uts"),
		user:    isolated(t, "user", "--user", "--map-root-user"),
	}
	if engine.via == "engine" {
		m.host.pid = parentOf(t, m.web.pid) // the host of the engine
	}
	return m
}

// contained starts a container as a source.
func contained(t *testing.T, name string) source {
	t.Helper()
	id := runContainer(t, "--init=false", testImage, "sleep", "600")
	return source{name, "container:" + id, initPID(t, id)}
}

// isolated starts a process in new namespaces, given by options of unshare(1).
func isolated(t *testing.T, name string, options ...string) source {
	t.Helper()
	g := source{name: name}
	t.Cleanup(func() { // after unshare, which would print an error if its child ended first
		if p, err := os.FindProcess(g.pid); g.pid > 0 && err == nil {
			_ = p.Kill()
		}
	})
	cmd := exec.Command("unshare", append(options, "--fork", "sh", "-c", "echo ready; exec sleep 600")...)
	cmd.Stderr = os.Stderr
	startWaiting(t, cmd, "ready")
	if g.pid = offspring(cmd.Process.Pid, "sh", "sleep"); g.pid == 0 {
		t.Fatalf("unshare %s: it has no child", options)
	}
	g.arg = "pid:" + strconv.Itoa(g.pid)
	return g
}

// run runs docker nsjoin with a shell that prints "ready" and waits, and has mark as an argument. It
// reads the shell's namespaces from outside, since its own /proc may show other processes. They are nil
// if the shell did not run.
func (m *mixing) run(t *testing.T, mark string, args []string) (links map[ns.Kind]string, stderr string, status int) {
	t.Helper()
	var errs bytes.Buffer
	cmd := exec.CommandContext(t.Context(), "docker", append([]string{"nsjoin", "-i"}, args...)...)
	cmd.Env, cmd.Stderr, cmd.WaitDelay = m.env, &errs, endsWithin
	in, out := startPiped(t, cmd)
	if line, _ := out.ReadString('\n'); line == "ready\n" {
		shell := source{pid: marked(mark)}
		links = make(map[ns.Kind]string)
		for _, k := range ns.Kinds() {
			links[k] = shell.link(t, k)
		}
	}
	in.Close()
	_, _ = io.Copy(io.Discard, out)
	err := cmd.Wait()
	if _, exited := errors.AsType[*exec.ExitError](err); err != nil && !exited {
		t.Fatal(err)
	}
	return links, errs.String(), cmd.ProcessState.ExitCode()
}
