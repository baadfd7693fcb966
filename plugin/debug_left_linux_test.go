//go:build linux

package main

import (
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/exectest"
)

// debugTargets makes a container that runs, and one that was changed and has stopped.
func debugTargets(t *testing.T) (c caller, web, stopped string) {
	t.Helper()
	engine := engineOfTest(t)
	if engine.kinds["no-helper"] {
		t.Skip("a rootless Engine 20.10 gives no container the host's processes")
	}
	c = newCaller(t)
	becomeReaper(t)
	web = c.container(t, "-v", "/data")
	stopped = c.container(t, "-v", "/data")
	docker(t, "exec", stopped, "sh", "-c", "echo changed >/tmp/file")
	docker(t, "stop", "-t", "0", stopped)
	return c, web, stopped
}

// TestDebugLeavesNothing lists all of the engine, of the container, of this host and of the caller's directories before
// the first and after each kind of docker nsjoin debug: no container, image, volume, network, mount, process, cgroup, descriptor or
// file may be left.
func TestDebugLeavesNothing(t *testing.T) {
	c, web, stopped := debugTargets(t)
	engine := engineOfTest(t)
	programs := filepath.Join(c.dir, "work", "programs")
	if err := os.Mkdir(programs, 0o755); err != nil {
		t.Fatal(err)
	}
	busybox, err := os.ReadFile(busyboxOf(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := exectest.Write(filepath.Join(programs, "busybox"), busybox); err != nil {
		t.Fatal(err)
	}
	// These load the helper and the toolbox, which stay.
	c.nsjoin(t, 0, "debug", web, "true")
	c.nsjoin(t, 0, "debug", stopped, "true")
	before := everythingOf(t, c, web)
	for _, row := range []struct {
		name   string
		status int
		args   []string
		local  bool // it runs on this machine only
	}{
		{"the toolbox", 0, []string{web, "true"}, false},
		{"a command that fails", 7, []string{"-c", "echo x >/dev/null; exit 7", web}, false},
		{"a command that is not found", 127, []string{web, "nosuch"}, false},
		{"more rights", 0, []string{"--profile", "trace", web, "ps"}, false},
		{"an image's tools", 0, []string{"--tools", testImage, web, "true"}, false},
		{"an image's tools beside the container's files", 0, []string{"--tools", testImage, "--root", "target", web, "true"}, false},
		{"a directory of programs", 0, []string{"--tools", "./programs", web, "busybox", "true"}, false},
		{"a program", 0, []string{"--tools", "./programs/busybox", web, "/.nsjoin/bin/true"}, false},
		{"programs of the engine's host", 0, []string{"--tools", "engine:" + programs, web, "busybox", "true"}, true},
		{"the host's programs", 0, []string{"--tools", "host", web, "ls", "/target"}, true},
		{"a background process of the host's", 0, []string{"--tools", "host", web, "sh", "-c", "sleep 0.3 & exit 0"}, true},
		{"a copy of a container that has stopped", 0, []string{stopped, "cat", "/tmp/file"}, false},
		{"a copy of one that runs, with its volumes", 0, []string{"--copy", "--volumes", "rw", web, "true"}, false},
		{"a copy that is refused", 125, []string{"--network", "nosuch", stopped, "true"}, false},
		{"an image", 0, []string{"image:" + testImage, "true"}, false},
		{"an image with tools of an image", 0, []string{"--tools", "nsjoin-scratch", "image:" + testImage, "/busybox", "true"}, false},
	} {
		if row.local && (!engine.local() || engine.via == "engine") {
			continue
		}
		c.nsjoin(t, row.status, append([]string{"debug"}, row.args...)...)
		eventually(t, row.name+" leaves nothing", func() bool {
			reapAll(t)
			now := everythingOf(t, c, web)
			more := now.more(before)
			if more != "" {
				t.Logf("%s: %s", row.name, more)
			}
			return more == ""
		})
	}
}

// everythingOf lists what leftoversOf lists, and what the engine, the groups of this host and the caller's directories
// have.
func everythingOf(t *testing.T, c caller, container string) leftovers {
	t.Helper()
	l := leftoversOf(t, c, container)
	delete(l, "descriptors of its shim") // docker exec of other tests keeps some for a while
	id := docker(t, "inspect", "-f", "{{.Id}}", container)
	ofOther := func(path string) bool { return !strings.Contains(path, id) } // other engines and users are on this host, too
	maps.Copy(l, leftovers{
		"containers": strings.Fields(docker(t, "ps", "-aq", "--no-trunc")),
		"images":     strings.Fields(docker(t, "image", "ls", "-aq", "--no-trunc")),
		"volumes":    strings.Fields(docker(t, "volume", "ls", "-q")),
		"networks":   strings.Fields(docker(t, "network", "ls", "-q", "--no-trunc")),
		"files":      slices.DeleteFunc(below(c.dir), isHelperRecord),
		"helpers":    c.helpers(t),
		"groups":     slices.DeleteFunc(below("/sys/fs/cgroup"), ofOther),
		"run":        slices.DeleteFunc(below("/run/docker-nsjoin-host"), ofOther),
	})
	for _, list := range l {
		slices.Sort(list)
	}
	return l
}

// isHelperRecord reports whether a file is the record of a helper's container, which stays until the next call finds that
// the container is gone.
func isHelperRecord(path string) bool {
	return strings.HasPrefix(filepath.Base(path), "helper.docker-nsjoin-")
}

// TestKilledDebugLeavesNothing kills calls with SIGKILL at random points, and lists everything as TestDebugLeavesNothing
// does after the next call, which removes what they have left.
func TestKilledDebugLeavesNothing(t *testing.T) {
	c, web, stopped := debugTargets(t)
	for _, args := range [][]string{
		{"debug", web, "sleep", "2"}, {"debug", "--tools", testImage, web, "sleep", "2"}, {"debug", stopped, "sleep", "2"},
	} {
		c.nsjoin(t, 0, append(slices.Clone(args[:len(args)-2]), "true")...)
		before := everythingOf(t, c, web)
		for range 6 {
			cmd := c.docker(append([]string{"nsjoin"}, args...)...)
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Duration(rand.IntN(1500)) * time.Millisecond) // a random point, not one to wait for
			killWithChildren(cmd.Process.Pid)
			_ = cmd.Wait()
		}
		eventually(t, strings.Join(args, " ")+" leaves nothing", func() bool {
			c.nsjoin(t, 0, append(slices.Clone(args[:len(args)-2]), "true")...)
			reapAll(t)
			more := everythingOf(t, c, web).more(before)
			if more != "" {
				t.Logf("%.2000s", more)
			}
			return more == ""
		})
	}
}

// killWithChildren kills a Docker CLI and its plugin with SIGKILL.
func killWithChildren(pid int) {
	children, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	for field := range strings.FieldsSeq(string(children)) {
		if child, err := strconv.Atoi(field); err == nil {
			_ = unix.Kill(child, unix.SIGKILL)
		}
	}
	_ = unix.Kill(pid, unix.SIGKILL)
}

// below returns the paths of what is in a directory, at any depth. What ends meanwhile is left out.
func below(dir string) (paths []string) {
	_ = filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if err == nil {
			paths = append(paths, path)
		}
		return nil
	})
	return paths
}
