package main

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"
)

// A container's root who may trace stops our process as it appears in his pid
// namespace, before it is the command (CVE-2016-9962), and takes what there is:
// its program to write to (CVE-2019-5736), its descriptors, memory, environment.
func TestHostileRoot(t *testing.T) {
	engineOfTest(t)
	for _, row := range []struct {
		name    string
		options []string
		traces  bool
	}{
		{"root", nil, false},
		{"root who may trace", []string{"--cap-add", "SYS_PTRACE"}, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			const secret = "NSJOIN_TEST_SECRET_of_the_caller"
			c := newCaller(t)
			container, saw := attacked(t, secret, row.options)
			sightings := 0
			for deadline := time.Now().Add(time.Minute); sightings < 5 && time.Now().Before(deadline); {
				cmd := c.docker("nsjoin", container, "true")
				cmd.Env = append(cmd.Environ(), "SECRET="+secret)
				if err := cmd.Start(); err != nil {
					t.Fatal(err)
				}
				if status := ended(t, cmd); status != 0 {
					t.Fatalf("status %d", status)
				}
				sightings = len(saw(t))
			}
			all := saw(t)
			if len(all) == 0 {
				t.Fatal("the attacker never saw a process of ours")
			}
			for _, s := range all {
				s.check(t, row.traces)
			}
		})
	}
}

// check is what a process of ours that the container can see may show.
func (s sighting) check(t *testing.T, traces bool) {
	t.Helper()
	if s.Written || s.Secret || strings.Contains(s.Environ, "SECRET") {
		t.Errorf("the program was written to: %t; the caller's secret is in the memory: %t, in the environment: %q", s.Written, s.Secret, s.Environ)
	}
	if s.Exe == later {
		return
	}
	if !traces {
		// The numbers of descriptors he may list, not what they lead to.
		led := slices.DeleteFunc(slices.Collect(maps.Values(s.FDs)), func(target string) bool { return target == "" })
		if s.Traced || s.Exe+s.Cwd+s.Environ != "" || len(led) > 0 || len(s.Opened) > 0 {
			t.Errorf("root without CAP_SYS_PTRACE sees %+v", s)
		}
		return
	}
	for fd, target := range s.FDs {
		harmless := strings.HasPrefix(target, "pipe:") || strings.HasPrefix(target, "socket:") || target == "/dev/null"
		if !harmless {
			t.Errorf("descriptor %s leads to %q", fd, target)
		}
	}
	if len(s.FDs) > 5 {
		t.Errorf("more than the streams and two pipes: %v", s.FDs)
	}
	if s.Cwd != "/" {
		t.Errorf("its working directory is %q", s.Cwd)
	}
}

// attacked starts a container whose first process is the attacker. saw returns what
// he got until then.
func attacked(t *testing.T, secret string, options []string) (container string, saw func(*testing.T) []sighting) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	args := append([]string{"run", "-d", "--label", ownLabel(), "-v", self + ":/attacker:ro", "-e", attackVariable + "=" + reversed(secret)}, options...)
	container = docker(t, append(args, testImage, "/attacker", "-test.run=^TestAttacker$", "-test.timeout=10m")...)
	t.Cleanup(func() { _ = exec.Command("docker", "rm", "-f", "-v", container).Run() })
	eventually(t, "the attacker is ready", func() bool { return strings.Contains(docker(t, "logs", container), "ready") })
	return container, func(t *testing.T) (list []sighting) {
		t.Helper()
		for line := range bytes.Lines([]byte(docker(t, "logs", container))) {
			var s sighting
			if json.Unmarshal(line, &s) == nil {
				list = append(list, s)
			}
		}
		return list
	}
}
