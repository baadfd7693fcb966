//go:build linux

package main

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/nsjoin/docker-nsjoin/pkg/ns"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

// viewTools are the programs of the tests' toolbox, which is a static busybox.
var viewTools = []string{"cat", "id", "ls", "nsenter", "sh", "sleep", "stat", "true"}

// busyboxOf returns a static busybox of the test images as a file of this machine.
func busyboxOf(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "busybox")
	id := docker(t, "create", "--label", ownLabel(), "nsjoin-scratch")
	defer removeContainer(id)
	docker(t, "cp", id+":/busybox", file)
	return file
}

// inView returns a command in the view of a container, run by the helper of this machine. toolbox is the program's
// file.
func inView(t *testing.T, container, toolbox string, change func(*request.Request), command ...string) *exec.Cmd {
	t.Helper()
	var answers []struct {
		ID     string
		Name   string
		State  struct{ Pid int }
		Config struct {
			Env  []string
			User string
		}
	}
	if err := json.Unmarshal([]byte(docker(t, "inspect", container)), &answers); err != nil {
		t.Fatal(err)
	}
	c := answers[0]
	r := &request.Request{
		Version: request.Version, Take: ns.All(), Command: command, Terminal: request.TerminalNever,
		Base: request.Source{From: request.FromContainer, Name: container, PID: c.State.Pid, Container: &request.Container{
			ID: c.ID, Name: strings.TrimPrefix(c.Name, "/"), Env: c.Config.Env, User: c.Config.User,
		}},
		View: &request.View{Tools: viewTools, Program: 4},
	}
	if change != nil {
		change(r)
	}
	var document bytes.Buffer
	if err := r.Write(&document); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "request")
	if err := os.WriteFile(file, document.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	helper, err := filepath.Abs("../pkg/payload/helpers/linux_" + runtime.GOARCH)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(helper, "3")
	cmd.Env = []string{}
	for _, name := range []string{file, toolbox} {
		f, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		cmd.ExtraFiles = append(cmd.ExtraFiles, f)
	}
	return cmd
}

// viewOutput runs a command in the view of a container, and returns what it prints. It must succeed.
func viewOutput(t *testing.T, container, toolbox string, command ...string) string {
	t.Helper()
	cmd := inView(t, container, toolbox, nil, command...)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%q: %v: %s", command, err, &errs)
	}
	return string(out)
}

// What a command in a view is and sees is the same as without, and nothing stays in the container.
func TestViewOfContainers(t *testing.T) {
	engine := engineOfTest(t)
	toolbox := busyboxOf(t)
	for _, row := range []struct {
		name    string
		options []string
		scratch bool
	}{
		{name: "default"},
		{name: "user", options: []string{"--user", "1000:1000"}},
		{name: "read-only", options: []string{"--read-only", "--tmpfs", "/run:rw"}},
		{name: "without capabilities", options: []string{"--cap-drop", "ALL"}},
		{name: "no-new-privileges", options: []string{"--security-opt", "no-new-privileges", "--user", "1000"}},
		{name: "few descriptors", options: []string{"--ulimit", "nofile=16:16"}},
		{name: "many capabilities", options: manyCaps()},
		{name: "volumes", options: []string{"-v", "/data/volume", "--tmpfs", "/data/volume/tmp"}},
		{name: "scratch", scratch: true, options: []string{"--read-only", "--user", "65534"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			if row.name == "few descriptors" && engine.kinds["podman"] {
				t.Skip("Podman sets other limits with it, for which this machine's root may lack SYS_RESOURCE")
			}
			image, run := testImage, []string{"sleep", "600"}
			if row.scratch {
				image, run = "nsjoin-scratch", []string{"/busybox", "sleep", "600"}
			}
			container := runContainer(t, slices.Concat(row.options, []string{image}, run)...)
			path := map[bool]string{false: "/bin/busybox", true: "/busybox"}[row.scratch]
			exec := func(args ...string) string { return inside(t, container, append([]string{path}, args...)...) + "\n" }
			mounts := exec("cat", "/proc/1/mountinfo")
			diff, listing := diffOf(t, container), exec("ls", "-1A", "/", "/etc", "/dev")
			compareView(t, container, toolbox, path)
			same := func(what, before, now string) {
				if now != before {
					t.Errorf("%s was\n%s\nand is\n%s", what, before, now)
				}
			}
			same("the container's mountinfo", mounts, exec("cat", "/proc/1/mountinfo"))
			same("docker diff", diff, diffOf(t, container))
			same("the root directory", listing, exec("ls", "-1A", "/", "/etc", "/dev"))
		})
	}
}

// compareView compares what a command in a view is with what it is without one, and checks what it sees. path is a
// busybox of the container's.
func compareView(t *testing.T, container, toolbox, path string) {
	t.Helper()
	for _, file := range []string{"status", "limits", "cgroup", "uid_map", "attr/current"} {
		command := []string{path, "sh", "-c", path + " cat /proc/self/" + file + " 2>/dev/null || true"}
		plain, err := inView(t, container, toolbox, func(r *request.Request) { r.View = nil }, command...).Output()
		if err != nil {
			t.Fatal(err)
		}
		want, got := string(plain), viewOutput(t, container, toolbox, command...)
		if got, want := stable(got), stable(want); got != want {
			t.Errorf("%s is\n%s\nwant as without a view\n%s", file, got, want)
		}
	}
	got := viewOutput(t, container, toolbox, "sh", "-c", "for e in /* /.[!.]*; do echo $e; done; /.nsjoin/bin/id -u; echo $PATH; ls -d /proc/self/fd/*; cat /proc/self/mountinfo")
	for _, want := range []string{"\n/etc\n", "\n/proc\n", "\n/.nsjoin\n", ":/.nsjoin/bin\n", " / / ro,nosuid,nodev"} {
		if !strings.Contains("\n"+got, want) {
			t.Errorf("%q is missing in %s", want, got)
		}
	}
}

// diffOf returns what docker diff prints, sorted.
func diffOf(t *testing.T, container string) string {
	t.Helper()
	lines := strings.Split(docker(t, "diff", container), "\n")
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// stable returns the lines of a status that do not differ between two processes.
func stable(status string) string {
	var kept []string
	for line := range strings.Lines(strings.TrimSpace(status)) {
		line = strings.TrimSpace(line)
		name, _, _ := strings.Cut(line, ":")
		if !slices.Contains([]string{
			"Pid", "Tgid", "NSpid", "NStgid", "NSpgid", "NSsid", "Ngid", "PPid", "VmPeak", "VmSize", "VmHWM", "VmRSS", "VmData",
			"VmStk", "VmExe", "VmLib", "VmPTE", "RssAnon", "RssFile", "RssShmem", "Cpus_allowed", "voluntary_ctxt_switches", "nonvoluntary_ctxt_switches", "SigQ", "Threads",
		}, name) {
			kept = append(kept, line)
		}
	}
	return strings.Join(kept, "\n")
}

// A command of the container's own is found before the toolbox's.
func TestViewPrefersTheContainersPrograms(t *testing.T) {
	engineOfTest(t)
	container := runContainer(t, testImage, "sleep", "600")
	if got := viewOutput(t, container, busyboxOf(t), "sh", "-c", "readlink /proc/$$/exe"); !strings.HasPrefix(got, "/bin/") {
		t.Errorf("sh is %s", got)
	}
}
