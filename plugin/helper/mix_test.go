//go:build linux

package main_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/ns"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

// TestMakeNew makes new namespaces, each kind alone and all eight. The other namespaces are the test's own, or
// those of a process that has its own of every kind but user.
func TestMakeNew(t *testing.T) {
	pid := isolated(t, ns.All().Without(ns.SetOf(ns.User)))
	sets := []ns.Set{ns.All()}
	for _, k := range ns.Kinds() {
		sets = append(sets, ns.SetOf(k))
	}
	for _, base := range []request.Source{request.Host(), {From: request.FromPID, PID: pid}} {
		for _, made := range sets {
			t.Run(base.String()[:3]+" "+made.String(), func(t *testing.T) {
				r := &request.Request{Base: base, Take: ns.All(), Overrides: make(map[ns.Kind]request.Source)}
				for _, k := range made.Kinds() {
					r.Overrides[k] = request.Source{From: request.FromNew}
				}
				expectMix(t, r, pid)
			})
		}
	}
}

// TestMix combines random sources for each kind: the kernel must accept whatever the plan does not refuse. The
// seeds are the same in each run.
func TestMix(t *testing.T) {
	pids := []int{
		isolated(t, ns.All()),
		isolated(t, ns.All().Without(ns.SetOf(ns.User, ns.Time))),
		isolated(t, ns.SetOf(ns.Net, ns.User)),
	}
	refused := 0
	const samples = 150
	for seed := range uint64(samples) {
		random := rand.New(rand.NewPCG(seed, 5))
		r := anyMix(random, pids)
		if !expectMix(t, r, pids...) {
			refused++
		}
		if t.Failed() {
			t.Fatalf("seed %d: base %s, take %q, overrides %v", seed, r.Base, r.Take, r.Overrides)
		}
	}
	if refused < samples/20 || refused > samples/2 {
		t.Errorf("%d of %d requests were refused", refused, samples)
	}
}

func anyMix(random *rand.Rand, pids []int) *request.Request {
	pid := func() int { return pids[random.IntN(len(pids))] }
	r := &request.Request{
		Base: request.Host(), Take: ns.Set(random.Uint32()) & ns.All(), Overrides: make(map[ns.Kind]request.Source),
	}
	if random.IntN(3) > 0 {
		r.Base = request.Source{From: request.FromPID, PID: pid()}
	}
	for _, k := range ns.Kinds() {
		switch random.IntN(8) {
		case 0:
			r.Overrides[k] = request.Host()
		case 1:
			r.Overrides[k] = request.Source{From: request.FromPID, PID: pid()}
		case 2:
			r.Overrides[k] = request.Source{From: request.FromPath, Path: request.Word(fmt.Sprintf("/proc/%d/ns/%s", pid(), k))}
		case 3:
			r.Overrides[k] = request.Source{From: request.FromNew}
		}
	}
	return r
}

// expectMix runs a command for r and compares its namespaces with those that r names. A new one must differ
// from the test's and the given processes'. It returns false if r was refused as expected.
func expectMix(t *testing.T, r *request.Request, pids ...int) bool {
	t.Helper()
	links, stderr, status := runWaiting(t, r)
	if why := refusal(t, r); why != "" {
		if status != 125 || !strings.Contains(stderr, why) {
			t.Errorf("status %d, %q; want a refusal: %s", status, stderr, why)
		}
		return false
	}
	if status != 0 {
		t.Errorf("status %d: %s", status, stderr)
		return true
	}
	for _, k := range ns.Kinds() {
		if r.New(k) || k == ns.Mnt && copiesMounts(t, r) {
			for _, pid := range append(pids, os.Getpid()) {
				if links[k] == linkOf(t, pid, k) {
					t.Errorf("%s is %s, the same as process %d's, and not a new one", k, links[k], pid)
				}
			}
			continue
		}
		if want := linkNamed(t, r.Source(k), k); links[k] != want {
			t.Errorf("%s: the command is in %q, not in %q", k, links[k], want)
		}
	}
	return true
}

// copiesMounts reports whether the command gets a copy of the test's mounts: its pid namespace needs another
// /proc, r names no mount namespace, and the command may mount.
func copiesMounts(t *testing.T, r *request.Request) bool {
	t.Helper()
	_, named := r.Overrides[ns.Mnt]
	if named || linkNamed(t, r.Source(ns.Mnt), ns.Mnt) != linkOf(t, os.Getpid(), ns.Mnt) {
		return false
	}
	if r.New(ns.PID) {
		return true
	}
	own := linkOf(t, os.Getpid(), ns.User)
	user := linkNamed(t, r.Source(ns.User), ns.User)
	return linkNamed(t, r.Source(ns.PID), ns.PID) != linkOf(t, os.Getpid(), ns.PID) &&
		!r.New(ns.User) && (user == own || user == ownerNamed(t, r.Source(ns.PID)))
}

// ownerNamed returns the link of the user namespace that owns the pid namespace of a source.
func ownerNamed(t *testing.T, s request.Source) string {
	t.Helper()
	path := string(s.Path)
	if s.From == request.FromPID {
		path = fmt.Sprintf("/proc/%d/ns/pid", s.PID)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	fd, err := unix.IoctlRetInt(int(f.Fd()), unix.NS_GET_USERNS)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	link, err := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", fd))
	if err != nil {
		t.Fatal(err)
	}
	return link
}

// refusal returns part of the message that r must be refused with, or "". The owner of mounts that a file names is
// unknown, and mounts can be joined only with their own user namespace or one of the caller's.
func refusal(t *testing.T, r *request.Request) string {
	t.Helper()
	mounts := r.Source(ns.Mnt)
	own := linkOf(t, os.Getpid(), ns.User)
	switch {
	case mounts.From == request.FromPath && linkNamed(t, mounts, ns.Mnt) != linkOf(t, os.Getpid(), ns.Mnt):
		return "cannot take the mount namespace from a file"
	case mounts.From == request.FromPath || linkNamed(t, mounts, ns.Mnt) == linkOf(t, os.Getpid(), ns.Mnt):
		return ""
	}
	user := linkNamed(t, mounts, ns.User)
	if user != own && (r.New(ns.User) || linkNamed(t, r.Source(ns.User), ns.User) != user) {
		return "its files belong to ids of its own user namespace"
	}
	return ""
}

// linkNamed returns the link of the namespace that a source names; for a new one it is the test's own.
func linkNamed(t *testing.T, s request.Source, k ns.Kind) string {
	t.Helper()
	switch s.From {
	case request.FromPID:
		return linkOf(t, s.PID, k)
	case request.FromPath:
		link, err := os.Readlink(string(s.Path))
		if err != nil {
			t.Fatal(err)
		}
		return link
	case request.FromHost, request.FromNew, request.FromContainer:
	}
	return linkOf(t, os.Getpid(), k)
}

// runWaiting runs the built helper with a command that waits, and returns the command's links as seen from
// outside: its own /proc may show other processes.
func runWaiting(t *testing.T, r *request.Request) (links map[ns.Kind]string, stderr string, status int) {
	t.Helper()
	r.Command = []string{"sh", "-c", "echo ready; read x"}
	r.Version, r.Terminal, r.Interactive, r.CallerEnv = request.Version, request.TerminalNever, true, os.Environ()
	var document, errs bytes.Buffer
	if err := r.Write(&document); err != nil {
		t.Fatal(err)
	}
	asked, from, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer asked.Close()
	helper, err := filepath.Abs("../../pkg/payload/helpers/linux_" + runtime.GOARCH)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), helper, "3")
	cmd.ExtraFiles, cmd.Stderr, cmd.WaitDelay, cmd.Env = []*os.File{asked}, &errs, 5*time.Second, []string{}
	in, errIn := cmd.StdinPipe()
	out, errOut := cmd.StdoutPipe()
	if err := errors.Join(errIn, errOut, cmd.Start()); err != nil {
		t.Fatalf("the helper, which make helper builds: %v", err)
	}
	_, err = from.Write(document.Bytes())
	from.Close()
	line, _ := bufio.NewReader(out).ReadString('\n')
	if line == "ready\n" {
		links = linksOfShell(t, cmd.Process.Pid)
	}
	in.Close()
	_, _ = io.Copy(io.Discard, out)
	waited := cmd.Wait()
	if status = cmd.ProcessState.ExitCode(); links != nil && status == 1 {
		status = 0 // of the shell's read at end of file
	}
	if exited := (*exec.ExitError)(nil); err != nil || waited != nil && !errors.As(waited, &exited) {
		t.Fatal(err, waited)
	}
	return links, errs.String(), status
}

// linksOfShell returns the links of the shell that a helper runs.
func linksOfShell(t *testing.T, helper int) map[ns.Kind]string {
	t.Helper()
	files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", helper))
	for _, file := range files {
		children, _ := os.ReadFile(file)
		for pid := range strings.FieldsSeq(string(children)) {
			if name, _ := os.ReadFile("/proc/" + pid + "/comm"); string(name) != "sh\n" {
				continue
			}
			links := make(map[ns.Kind]string)
			for _, k := range ns.Kinds() {
				links[k], _ = os.Readlink("/proc/" + pid + "/ns/" + k.String())
			}
			return links
		}
	}
	t.Fatal("the helper has no shell")
	return nil
}
