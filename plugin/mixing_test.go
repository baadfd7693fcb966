//go:build linux

package main

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nsjoin/docker-nsjoin/pkg/ns"
	"github.com/nsjoin/docker-nsjoin/pkg/procfs"
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
		host:    giver{"host", "host", os.Getpid()},
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

func parentOf(t *testing.T, pid int) int {
	t.Helper()
	st, err := procfs.ReadStat(pid)
	if err != nil {
		t.Fatal(err)
	}
	return st.Parent
}

// contained starts a container as a giver.
func contained(t *testing.T, name string) giver {
	t.Helper()
	id := runContainer(t, "--init=false", testImage, "sleep", "600")
	return giver{name, "container:" + id, initPID(t, id)}
}

// isolated starts a process in new namespaces, given by options of unshare(1).
func isolated(t *testing.T, name string, options ...string) giver {
	t.Helper()
	cmd := exec.Command("unshare", append(options, "--fork", "sh", "-c", "echo ready; exec sleep 600")...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	g := giver{name: name}
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // first: it complains when its child ends before
		_ = cmd.Wait()
		if p, err := os.FindProcess(g.pid); g.pid > 0 && err == nil {
			_ = p.Kill()
		}
	})
	if _, err := out.Read(make([]byte, 16)); err != nil {
		t.Fatalf("unshare %s: %v", options, err)
	}
	if g.pid = offspring(cmd.Process.Pid, "sh", "sleep"); g.pid == 0 {
		t.Fatalf("unshare %s: it has no child", options)
	}
	g.arg = "pid:" + strconv.Itoa(g.pid)
	return g
}

// offspring returns the PID of a descendant with one of these names, or 0.
func offspring(pid int, names ...string) int {
	files, _ := filepath.Glob("/proc/" + strconv.Itoa(pid) + "/task/*/children")
	for _, file := range files {
		children, _ := os.ReadFile(file)
		for word := range strings.FieldsSeq(string(children)) {
			child, _ := strconv.Atoi(word)
			name, _ := os.ReadFile("/proc/" + word + "/comm")
			if slices.Contains(names, strings.TrimSpace(string(name))) {
				return child
			}
			if found := offspring(child, names...); found > 0 {
				return found
			}
		}
	}
	return 0
}

// marked returns the PID of the shell that has mark as its last argument, or 0.
func marked(mark string) int {
	files, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, file := range files {
		line, _ := os.ReadFile(file)
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		if err == nil && bytes.HasPrefix(line, []byte("sh\x00")) && bytes.HasSuffix(line, []byte("\x00"+mark+"\x00")) {
			return pid
		}
	}
	return 0
}

// run runs docker nsjoin with a shell that prints "ready" and waits, and has mark as an argument. It
// reads the shell's namespaces from outside, since its own /proc may show other processes. They are nil
// if the shell did not run.
func (m *mixing) run(t *testing.T, mark string, args []string) (links map[ns.Kind]string, stderr string, status int) {
	t.Helper()
	var errs bytes.Buffer
	cmd := exec.CommandContext(t.Context(), "docker", append([]string{"nsjoin", "-i"}, args...)...)
	cmd.Env, cmd.Stderr, cmd.WaitDelay = m.env, &errs, 5*time.Second
	in, errIn := cmd.StdinPipe()
	out, errOut := cmd.StdoutPipe()
	if err := errors.Join(errIn, errOut, cmd.Start()); err != nil {
		t.Fatal(err)
	}
	if line, _ := bufio.NewReader(out).ReadString('\n'); line == "ready\n" {
		shell := giver{pid: marked(mark)}
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
