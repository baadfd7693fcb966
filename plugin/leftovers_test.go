//go:build linux

package main

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// becomeReaper makes this process adopt orphaned descendants until the test ends, so that
// none is missed.
func becomeReaper(t *testing.T) {
	t.Helper()
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0) })
}

// reapAll waits until all descendants have ended. The test must have waited for the processes
// that it started itself.
func reapAll(t *testing.T) {
	t.Helper()
	var left []process
	defer func() {
		if t.Failed() {
			t.Logf("left: %v", left)
		}
	}()
	eventually(t, "all processes have ended", func() bool {
		left = descendants(os.Getpid())
		for _, p := range left {
			if p.parent == os.Getpid() && p.state == "Z" {
				_, _ = unix.Wait4(p.pid, nil, unix.WNOHANG|unix.WALL, nil)
			}
		}
		return len(left) == 0
	})
}

// leftovers are what sessions could leave behind, by kind.
type leftovers map[string][]string

// leftoversOf lists what this process, the container, its shim and the caller's directories
// have now.
func leftoversOf(t *testing.T, c caller, container string) leftovers {
	t.Helper()
	pid := initOf(t, container)
	number, err := strconv.Atoi(pid)
	if err != nil {
		t.Fatal(err)
	}
	first, _ := readProcess(number)
	l := leftovers{
		"changes in the container": strings.Split(docker(t, "diff", container), "\n"),
		"mounts of the container":  lines(t, "/proc/"+pid+"/mountinfo"),
		"mounts here":              slices.DeleteFunc(lines(t, "/proc/self/mountinfo"), ofOthers.MatchString),
		"terminals":                terminalsOf(t, pid),
		"descriptors here":         make([]string, count(t, "/proc/self/fd")),
		"descriptors of its init":  make([]string, count(t, "/proc/"+pid+"/fd")),
		"descriptors of its shim":  make([]string, count(t, fmt.Sprintf("/proc/%d/fd", first.parent))),
	}
	for _, dir := range []string{"work", "tmp", "."} {
		entries, err := os.ReadDir(filepath.Join(c.dir, dir))
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			l["files in "+dir] = append(l["files in "+dir], e.Name())
		}
	}
	return l
}

// ofOthers matches mounts that other engines and ip-netns(8) make.
var ofOthers = regexp.MustCompile(`/docker|/engine/|/containerd|/nsjoin\.|/netns`)

func lines(t *testing.T, file string) []string {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var list []string
	for s := bufio.NewScanner(f); s.Scan(); {
		list = append(list, s.Text())
	}
	return list
}

// count returns the number of entries of a directory, which must not be empty.
func count(t *testing.T, dir string) int {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) == 0 {
		t.Fatalf("%s has %d entries, %v", dir, len(entries), err)
	}
	return len(entries)
}

// more describes what has been added or replaced since before. Fewer entries are fine: an idle
// engine closes descriptors.
func (l leftovers) more(before leftovers) string {
	var text strings.Builder
	for what, list := range l {
		if len(list) > len(before[what]) || len(list) == len(before[what]) && !slices.Equal(list, before[what]) {
			fmt.Fprintf(&text, "%s: %d %q, before %d %q\n", what, len(list), list, len(before[what]), before[what])
		}
	}
	return text.String()
}
