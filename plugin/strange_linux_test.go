//go:build linux

package main

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/diff"

	"github.com/nsjoin/docker-nsjoin/pkg/exit"
)

// Whatever attributes the caller's process has, a command in a container has docker exec's, as far as
// it can read them in files and by system calls. If an attribute cannot be reset, docker nsjoin goes
// through the engine, which --dry-run shows; --via local refuses or warns.
func TestStrangeCallers(t *testing.T) {
	s := newStrange(t, "--security-opt", "seccomp=unconfined")
	theirs := docker(t, append([]string{"exec"}, s.ask...)...)
	if strings.Count(theirs, "\n") < 50 {
		t.Fatalf("docker exec prints fewer attributes than expected:\n%s", theirs)
	}
	for _, who := range strangers() {
		t.Run(who.name, func(t *testing.T) {
			who.skipIfMissing(t)
			if ours, errs, status := s.run(t, who); ours != theirs || errs != "" || status != 0 {
				t.Errorf("status %d\n%s%s", status, errs, diff.Diff("docker exec", []byte(theirs), "docker nsjoin", []byte(ours)))
			}
			if s.via == "engine" || !s.local {
				return
			}
			if who.users && s.users {
				who.kept, who.refused = "", false
			}
			s.planned(t, who)
			s.locally(t, who, theirs)
		})
	}
}

// A command in a container has docker exec's attributes even if the caller has all unusual attributes at
// once. A command with a process's mounts does not get the caller's session keyring.
func TestStrangeCallerOfEachSetting(t *testing.T) {
	s := newStrange(t, "--security-opt", "seccomp=unconfined")
	free := s.container
	who := everything()
	for _, options := range []string{"", "--user app --cap-drop ALL --security-opt no-new-privileges", "--cpuset-cpus 0 --ulimit nproc=500:1000 --oom-score-adj 300", "-t"} {
		if options != "" {
			s.container = s.caller.container(t, strings.Fields(options)...)
		}
		ask := []string{s.container, "sh", "-c", facts}
		theirs := masked(docker(t, append([]string{"exec"}, ask...)...))
		if strings.Count(theirs, "\n") < 100 {
			t.Fatalf("%s: docker exec prints fewer attributes than expected:\n%s", options, theirs)
		}
		out, err := s.stranger(who, append([]string{s.docker, "nsjoin"}, ask...)...).Output()
		if ours := masked(strings.TrimSpace(string(out))); err != nil || ours != theirs {
			t.Errorf("%s: %v\n%s", options, err, diff.Diff("docker exec", []byte(theirs), "docker nsjoin", []byte(ours)))
		}
	}
	if !onHost() {
		return
	}
	args := append([]string{s.docker, "nsjoin"}, s.ask...)
	args[slices.Index(args, free)] = "pid:" + initOf(t, free)
	out, err := s.stranger(who, args...).CombinedOutput()
	if err != nil || !strings.Contains(string(out), "session keyring: keyring;0;0;") || strings.Contains(string(out), "of-the-caller") {
		t.Errorf("%q: %v\n%s", args, err, out)
	}
}

// A command on the host's file system keeps the caller's attributes.
func TestStrangeCallersKeepTheirAttributes(t *testing.T) {
	s := newStrange(t)
	if s.via == "engine" {
		t.Skip("through the engine a command on the host is not the caller's child")
	}
	for _, who := range strangers() {
		if slices.Contains([]string{"no-root", "landlocked", "round-robin"}, who.name) {
			continue // the first two cannot join from here, and the third has children without its attribute
		}
		t.Run(who.name, func(t *testing.T) {
			who.skipIfMissing(t)
			cmd := s.stranger(who, s.self, "-test.run=^TestAttributes$")
			cmd.Env = append(cmd.Env, attributesVariable+"=1")
			own, err := cmd.Output()
			if err != nil {
				t.Fatal(err)
			}
			cmd = s.stranger(who, s.docker, "nsjoin", "--only", "net", s.container, s.self, "-test.run=^TestAttributes$")
			cmd.Env = append(cmd.Env, attributesVariable+"=1")
			joined, err := cmd.Output()
			if err != nil {
				t.Fatal(err)
			}
			if got, want := ofCaller(joined), ofCaller(own); got != want {
				t.Errorf("%s", diff.Diff("as it is", []byte(want), "docker nsjoin --only net", []byte(got)))
			}
		})
	}
}

// skipIfMissing skips a test on a machine that has no such caller.
func (who stranger) skipIfMissing(t *testing.T) {
	t.Helper()
	if who.missing != "" {
		t.Skip(who.missing)
	}
}

// ofCaller removes attributes that a child does not inherit: sched(7), prctl(2), credentials(7).
func ofCaller(text []byte) string {
	var kept []string
	for line := range strings.Lines(string(text)) {
		name, _, _ := strings.Cut(line, ":")
		if !slices.Contains([]string{"ids", "child subreaper", "parent-death signal", "subreaper, death signal, tsc", "its default"}, name) &&
			!strings.HasPrefix(line, "status: ") {
			kept = append(kept, line)
		}
	}
	return strings.Join(kept, "")
}

// strange is the engine, container and command that strangers use.
type strange struct {
	caller
	self, docker, container, via string
	local, users                 bool     // joining from here works; containers have their own user namespaces
	ask                          []string // the arguments for a command that prints its attributes
}

func newStrange(t *testing.T, options ...string) *strange {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	program, err := exec.LookPath("docker")
	if err != nil {
		t.Fatal(err)
	}
	engine := engineOfTest(t)
	s := &strange{caller: newCaller(t), self: self, docker: program, via: engine.via, local: engine.local(), users: engine.kinds["userns"]}
	s.container = s.caller.container(t, append(options, "-v", testProgram(t)+":/strange:ro")...)
	s.ask = []string{"-e", attributesVariable + "=1", s.container, "/strange", "-test.run=^TestAttributes$"}
	return s
}

// stranger returns a command that runs as who.
func (s *strange) stranger(who stranger, args ...string) *exec.Cmd {
	cmd := exec.Command(s.self, append([]string{"-test.run=^TestStrangeCaller$", "--"}, args...)...)
	cmd.Env, cmd.Dir = append(slices.Clip(s.env), strangeVariable+"="+who.name), s.dir
	return cmd
}

// run runs docker nsjoin with options as who, and returns the attributes of a command in the container.
func (s *strange) run(t *testing.T, who stranger, options ...string) (out, errs string, status int) {
	t.Helper()
	cmd := s.stranger(who, slices.Concat([]string{s.docker, "nsjoin"}, options, s.ask)...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	status = ended(t, cmd)
	if strings.Contains(stdout.String(), "become "+who.name+":") {
		t.Fatalf("this kernel does not support the attribute: %s", stdout.String())
	}
	return strings.TrimSpace(stdout.String()), stderr.String(), status
}

// planned checks the way that --dry-run names.
func (s *strange) planned(t *testing.T, who stranger) {
	t.Helper()
	out, errs, _ := s.run(t, who, "--dry-run", "--format", "json")
	var p struct{ Via string }
	if err := json.Unmarshal([]byte(out), &p); err != nil {
		t.Fatalf("--dry-run: %v\n%s%s", err, out, errs)
	}
	if way := strings.HasPrefix(p.Via, "engine: "); way != (who.kept != "") || !strings.Contains(p.Via, who.kept) {
		t.Errorf("--dry-run: via %q, want a reason %q", p.Via, who.kept)
	}
}

// locally checks --via local.
func (s *strange) locally(t *testing.T, who stranger, theirs string) {
	t.Helper()
	ours, errs, status := s.run(t, who, "--via", "local")
	says := who.kept
	if who.locally != "" {
		says = who.locally
	}
	switch {
	case says == anything:
	case who.refused:
		if status != exit.Failed || !strings.Contains(errs, says) || strings.Count(errs, "\n") > 2 {
			t.Errorf("--via local: status %d, want a refusal with %q:\n%s%s", status, says, errs, ours)
		}
		if who.locally != "" && !strings.Contains(errs, "--via engine") {
			t.Errorf("--via local gives no hint:\n%s", errs)
		}
	case says != "":
		if status != 0 || !strings.HasPrefix(errs, "docker nsjoin: warning: ") || !strings.Contains(errs, says) || !strings.Contains(errs, "--via engine") {
			t.Errorf("--via local: status %d, want a warning of %q:\n%s", status, says, errs)
		}
	case ours != theirs || errs != "" || status != 0:
		t.Errorf("--via local: status %d\n%s%s", status, errs, diff.Diff("docker exec", []byte(theirs), "docker nsjoin", []byte(ours)))
	}
}
