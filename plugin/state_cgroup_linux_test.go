//go:build linux

package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// Three processes use up the container's processor time in each second. The first process stops to be
// traced only once it gets processor time, some seconds later.
func testThrottled(t *testing.T) {
	c := newCaller(t)
	web := limited(t, "for i in 1 2 3; do while :; do :; done & done; wait", "--cpu-quota", "6000", "--cpu-period", "1000000")
	pid := initPID(t, web)
	group := groupsOf(t, pid, docker(t, "inspect", "-f", "{{.Id}}", web))["cpu"]
	if group == "" {
		t.Skip("this engine gives containers no group of the cpu controller")
	}
	eventually(t, "it is throttled", func() bool {
		stat, _ := os.ReadFile(filepath.Join(group, "cpu.stat"))
		return bytes.Contains(stat, []byte("nr_throttled")) && !bytes.Contains(stat, []byte("nr_throttled 0\n"))
	})
	if got := c.says(t, "nsjoin", web, "echo", "in"); got != "in" {
		t.Errorf("it prints %s", got)
	}
}

// limited starts a container with limits and returns its name. It skips the test if the engine does not
// support the limits.
func limited(t *testing.T, script string, limits ...string) string {
	t.Helper()
	name := fmt.Sprintf("limited-%d%s", os.Getpid(), limits[0])
	args := append([]string{"--init=false"}, limits...)
	out, err := tryContainer(t, name, append(args, testImage, "sh", "-c", script)...)
	if err != nil || strings.Contains(out, "WARNING") {
		t.Skipf("this engine has no such limits: %s", out)
	}
	return name
}

// groupsOf returns the directories of a container's own cgroups by hierarchy, "" for cgroup v2. It leaves
// out cpuset: no process can enter a new group there before the group has processors.
func groupsOf(t *testing.T, pid int, id string) map[string]string {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", pid))
	if err != nil {
		t.Fatal(err)
	}
	groups := make(map[string]string)
	for line := range strings.Lines(string(text)) {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		mount := strings.TrimPrefix(parts[1], "name=")
		if mount == "" {
			mount = "unified"
		}
		if dir := filepath.Join("/sys/fs/cgroup", mount, parts[2]); strings.Contains(parts[2], id) && mount != "cpuset" {
			groups[parts[1]] = dir
		}
	}
	return groups
}

func writeTo(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0); err != nil {
		t.Fatal(err)
	}
}

// The container's first process has moved to a group that it made below the container's own group. On
// cgroup v2 the own group then still allows processes if the new group is threaded, but not if the own group
// delegates controllers.
func testMovedCgroup(t *testing.T) {
	c := newCaller(t)
	web := c.container(t)
	pid := initPID(t, web)
	groups := groupsOf(t, pid, docker(t, "inspect", "-f", "{{.Id}}", web))
	if len(groups) == 0 {
		t.Skip("this engine gives containers no cgroups of their own")
	}
	move := func(name, file string) {
		for _, dir := range groups {
			if err := os.MkdirAll(filepath.Join(dir, name), 0o755); err != nil {
				t.Fatal(err)
			}
			writeTo(t, filepath.Join(dir, name, file), strconv.Itoa(pid))
		}
	}
	move("sub", "cgroup.procs")
	asDockerExec(t, c, web)
	unified, ok := groups[""]
	if !ok {
		return
	}
	groups = map[string]string{"": unified}
	if controllers, _ := os.ReadFile(filepath.Join(unified, "cgroup.controllers")); strings.Contains(string(controllers), "hugetlb") {
		writeTo(t, filepath.Join(unified, "cgroup.subtree_control"), "+hugetlb")
		asDockerExec(t, c, web)
		writeTo(t, filepath.Join(unified, "cgroup.subtree_control"), "-hugetlb")
	} else {
		t.Log("there is no controller that could be handed down")
	}
	move(".", "cgroup.procs")
	if err := os.Mkdir(filepath.Join(unified, "threads"), 0o755); err != nil {
		t.Fatal(err)
	}
	writeTo(t, filepath.Join(unified, "threads", "cgroup.type"), "threaded")
	move("threads", "cgroup.threads")
	asDockerExec(t, c, web)
}
