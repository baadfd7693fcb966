package main_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nsjoin/docker-nsjoin/pkg/ns"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

// TestJoin joins processes that have their own namespaces: each kind alone, each with pid, and all eight. The
// command must be in the joined namespaces and otherwise in the test's. It needs root, but no engine.
func TestJoin(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Fatal("needs root")
	}
	sets := []ns.Set{ns.All()}
	for _, k := range ns.Kinds() {
		sets = append(sets, ns.SetOf(k))
		if k != ns.PID {
			sets = append(sets, ns.SetOf(k, ns.PID))
		}
	}
	for _, set := range sets {
		t.Run(set.String(), func(t *testing.T) {
			pid := isolated(t, set)
			joined := runJoined(t, &request.Request{
				Base:    request.Source{From: request.FromPID, PID: pid},
				Take:    ns.All(),
				Command: showLinks(),
			})
			expectLinks(t, joined, func(k ns.Kind) int {
				switch {
				case set.Has(k):
					return pid
				case k == ns.Mnt && set.Has(ns.PID):
					return newNamespace // so that its /proc shows that pid namespace
				}
				return os.Getpid()
			})
		})
	}
}

// TestJoinSome joins one kind of a process that has its own namespace of every kind but user.
func TestJoinSome(t *testing.T) {
	pid := isolated(t, ns.All().Without(ns.SetOf(ns.User)))
	for _, k := range ns.Kinds() {
		if k == ns.User {
			continue
		}
		t.Run(k.String(), func(t *testing.T) {
			joined := runJoined(t, &request.Request{
				Base:    request.Source{From: request.FromPID, PID: pid},
				Take:    ns.SetOf(k),
				Command: showLinks(),
			})
			expectLinks(t, joined, func(other ns.Kind) int {
				switch {
				case other == k:
					return pid
				case other == ns.Mnt && k == ns.PID:
					return newNamespace
				}
				return os.Getpid()
			})
		})
	}
}

// TestJoinTwo joins the network of one process and the other namespaces of another.
func TestJoinTwo(t *testing.T) {
	base := isolated(t, ns.All())
	other := isolated(t, ns.SetOf(ns.Net))
	joined := runJoined(t, &request.Request{
		Base:      request.Source{From: request.FromPID, PID: base},
		Take:      ns.All(),
		Overrides: map[ns.Kind]request.Source{ns.Net: {From: request.FromPID, PID: other}},
		Command:   showLinks(),
	})
	expectLinks(t, joined, func(k ns.Kind) int {
		if k == ns.Net {
			return other
		}
		return base
	})
}

// isolated starts a process in new namespaces of the given kinds and returns its number.
func isolated(t *testing.T, kinds ns.Set) int {
	t.Helper()
	args := []string{"--fork"}
	for _, k := range kinds.Kinds() {
		args = append(args, map[ns.Kind]string{
			ns.Cgroup: "--cgroup", ns.IPC: "--ipc", ns.Mnt: "--mount", ns.Net: "--net",
			ns.PID: "--pid", ns.Time: "--time", ns.User: "--user", ns.UTS: "--uts",
		}[k])
		if k == ns.User {
			args = append(args, "--map-root-user")
		}
	}
	cmd := exec.Command("unshare", append(args, "sh", "-c", "echo ready; exec sleep 600")...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	pid := 0
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // before its child, whose end it would report as an error
		_ = cmd.Wait()
		if p, err := os.FindProcess(pid); pid > 0 && err == nil {
			_ = p.Kill()
		}
	})
	if _, err := out.Read(make([]byte, 16)); err != nil {
		t.Fatalf("unshare %s: %v", args, err)
	}
	children := fmt.Sprintf("/proc/%d/task/%d/children", cmd.Process.Pid, cmd.Process.Pid)
	text, err := os.ReadFile(children)
	if err != nil {
		t.Fatal(err)
	}
	if pid, err = strconv.Atoi(strings.TrimSpace(string(text))); err != nil {
		t.Fatal(err)
	}
	return pid
}

func showLinks() []string {
	return []string{"sh", "-c", "cd /proc/self/ns && for k in *; do echo $k $(readlink $k); done"}
}

// runJoined runs the built helper with a request and returns the command's output.
func runJoined(t *testing.T, r *request.Request) string {
	t.Helper()
	out, stderr, status := runHelper(t, r)
	if status != 0 {
		t.Fatalf("status %d: %s", status, stderr)
	}
	return out
}

func runHelper(t *testing.T, r *request.Request) (stdout, stderr string, status int) {
	t.Helper()
	helper, err := filepath.Abs("../../pkg/payload/helpers/linux_" + runtime.GOARCH)
	if err != nil {
		t.Fatal(err)
	}
	return runHelperBy(t, r, helper)
}

// runHelperBy runs a helper by a command line that starts with an emulator or the helper's path.
func runHelperBy(t *testing.T, r *request.Request, command ...string) (stdout, stderr string, status int) {
	t.Helper()
	return runHelperWith(t, r, nil, command...)
}

// runHelperWith is runHelperBy for a helper that inherits files too, from descriptor 4 on.
func runHelperWith(t *testing.T, r *request.Request, files []*os.File, command ...string) (stdout, stderr string, status int) {
	t.Helper()
	r.Version = request.Version
	r.CallerEnv = os.Environ()
	r.Terminal = request.TerminalNever
	file := filepath.Join(t.TempDir(), "request")
	var document bytes.Buffer
	if err := r.Write(&document); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, document.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var out, errs bytes.Buffer
	cmd := exec.CommandContext(t.Context(), command[0], append(command[1:], "3")...)
	cmd.ExtraFiles = append([]*os.File{f}, files...)
	cmd.Stdout, cmd.Stderr = &out, &errs
	cmd.WaitDelay = 5 * time.Second
	cmd.Env = []string{}
	err = cmd.Run()
	if exited := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exited) {
		t.Fatalf("the helper, which make helper builds: %v", err)
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

// newNamespace stands for a process in expectLinks if the command's namespace must be a new one.
const newNamespace = 0

// expectLinks compares the links that a command printed with those of the process that source returns for each
// kind.
func expectLinks(t *testing.T, got string, source func(ns.Kind) int) {
	t.Helper()
	links := make(map[string]string)
	for line := range strings.Lines(got) {
		name, link, _ := strings.Cut(strings.TrimSpace(line), " ")
		links[name] = link
	}
	for _, k := range ns.Kinds() {
		if source(k) == newNamespace {
			if own := linkOf(t, os.Getpid(), k); links[k.String()] == own || links[k.String()] == "" {
				t.Errorf("%s: the command is in %q, not in a new namespace", k, links[k.String()])
			}
			continue
		}
		want, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/%s", source(k), k))
		if err != nil {
			t.Fatal(err)
		}
		if links[k.String()] != want {
			t.Errorf("%s: the command is in %q, not in %q", k, links[k.String()], want)
		}
	}
}

func linkOf(t *testing.T, pid int, k ns.Kind) string {
	t.Helper()
	link, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/%s", pid, k))
	if err != nil {
		t.Fatal(err)
	}
	return link
}
