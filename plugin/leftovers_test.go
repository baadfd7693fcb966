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

// becomeReaper makes this process the parent of its descendants whose own has
// ended, so that none is missed, until the test ends.
func becomeReaper(t *testing.T) {
	t.Helper()
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0) })
}

// reapAll waits for the end of all that this process is the parent of. What it
// started itself must have been waited for.
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

// leftovers are what sessions could leave behind, by what it is of.
type leftovers map[string][]string

// leftoversOf lists what is there now, of this process, the container and its
// shim, and in the caller's directories.
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
		"descriptors of its first": make([]string, count(t, "/proc/"+pid+"/fd")),
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

// ofOthers matches the mounts that engines and ip-netns(8) make for others.
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

// count is how many entries a directory has that isn't empty.
func count(t *testing.T, dir string) int {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) == 0 {
		t.Fatalf("%s has %d entries, %v", dir, len(entries), err)
	}
	return len(entries)
}

// more says what there is more of than before, or else. An engine has fewer
// descriptors open when it is quiet.
func (l leftovers) more(before leftovers) string {
	var text strings.Builder
	for what, list := range l {
		if len(list) > len(before[what]) || len(list) == len(before[what]) && !slices.Equal(list, before[what]) {
			fmt.Fprintf(&text, "%s: %d %q, before %d %q\n", what, len(list), list, len(before[what]), before[what])
		}
	}
	return text.String()
}
