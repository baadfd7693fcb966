//go:build linux

package observe

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/ns"
	"github.com/nsjoin/docker-nsjoin/pkg/plan"
	"github.com/nsjoin/docker-nsjoin/pkg/procfs"
)

// A process that ends before it is read may have left a child. The child is found, however often this happens.
func TestScanFindsChildrenOfEndedProcesses(t *testing.T) {
	dir := t.TempDir()
	add := func(pid int) {
		if err := os.Mkdir(filepath.Join(dir, strconv.Itoa(pid)), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	add(1)
	add(10)
	var seen []int
	looked := make(map[int]bool)
	look := func(pid int) error {
		seen = append(seen, pid)
		if pid < 10 || pid == 15 {
			return nil
		}
		if err := os.Remove(filepath.Join(dir, strconv.Itoa(pid))); err != nil {
			t.Fatal(err)
		}
		add(pid + 1)
		return fmt.Errorf("it has ended: %w", []error{unix.ENOENT, unix.ESRCH}[pid%2])
	}
	rounds := 0
	for missed := true; missed && rounds < 10; rounds++ {
		var err error
		if missed, err = scanOnce(dir, "process", looked, look); err != nil {
			t.Fatal(err)
		}
	}
	if slices.Sort(seen); !slices.Equal(seen, []int{1, 10, 11, 12, 13, 14, 15}) {
		t.Errorf("%v were looked at, in %d rounds", seen, rounds)
	}
	if missed, err := scanOnce(dir, "process", make(map[int]bool), func(int) error { return unix.EACCES }); err == nil {
		t.Errorf("an unreadable process is not an error, missed: %t", missed)
	}
}

// A process that had ended when it was read may have been alive when it was listed.
func TestEndedProcessesAreListedTwice(t *testing.T) {
	w := &watcherScan{ended: make(map[int]bool)}
	if err := w.endedBefore(7); err == nil {
		t.Error("the first time it is no error")
	}
	if err := w.endedBefore(7); err != nil {
		t.Error(err)
	}
}

// Two processes that have all capabilities only together are not taken for a privileged one, which counts for nothing.
func TestWatchersAreNotAddedUpToAPrivilegedOne(t *testing.T) {
	const admin, all = plan.CapSysAdmin, ^plan.CapSet(0)
	user := ns.ID{Ino: 1}
	for _, row := range []struct {
		name string
		caps []plan.CapSet
		want int // number of watchers that remain
	}{
		{"all but one, and that one", []plan.CapSet{all &^ admin, admin}, 2},
		{"that one, and all but one", []plan.CapSet{admin, all &^ admin}, 2},
		{"two privileged ones", []plan.CapSet{all, all}, 1},
		{"a privileged one and one with fewer", []plan.CapSet{all, admin, all}, 2},
		{"two with few", []plan.CapSet{admin, 1, 3}, 1},
	} {
		w := &watcherScan{users: []plan.UserNamespace{{ID: user}}}
		for _, caps := range row.caps {
			w.add(plan.Watcher{User: user, Capabilities: caps})
		}
		if len(w.found) != row.want {
			t.Errorf("%s: %+v, want %d watchers", row.name, w.found, row.want)
		}
	}
}

// A UNIX socket can be in both of two mounts if one shows a part of the other. What all containers have does not count.
func TestShowSameFiles(t *testing.T) {
	mount := func(kind, device, root string) procfs.Mount {
		return procfs.Mount{Type: kind, Device: device, Root: root}
	}
	for _, row := range []struct {
		name string
		a, b procfs.Mount
		want bool
	}{
		{"a volume", mount("ext4", "8:1", "/v/data"), mount("ext4", "8:1", "/v/data"), true},
		{"a directory and one in it", mount("ext4", "8:1", "/srv/a"), mount("ext4", "8:1", "/srv"), true},
		{"the host's root and a file", mount("ext4", "8:1", "/"), mount("ext4", "8:1", "/c/1/hosts"), true},
		{"two directories", mount("ext4", "8:1", "/srv/a"), mount("ext4", "8:1", "/srv/ab"), false},
		{"two file systems", mount("ext4", "8:1", "/v"), mount("ext4", "8:2", "/v"), false},
		{"one /proc", mount("proc", "0:50", "/"), mount("proc", "0:50", "/"), true},
		{"/sys", mount("sysfs", "0:20", "/"), mount("sysfs", "0:20", "/"), false},
		{"a device", mount("devtmpfs", "0:5", "/null"), mount("devtmpfs", "0:5", "/null"), false},
		{"the host's /dev", mount("devtmpfs", "0:5", "/"), mount("devtmpfs", "0:5", "/"), true},
	} {
		if got := showSameFiles(row.a, row.b); got != row.want {
			t.Errorf("%s: %t, want %t", row.name, got, row.want)
		}
		if got := showSameFiles(row.b, row.a); got != row.want {
			t.Errorf("%s, exchanged: %t, want %t", row.name, got, row.want)
		}
	}
}

// Only processes with SYS_PTRACE count without seeing the command, and not those of a privileged container. Of several,
// the plan gets the capabilities that all have: a command that has more gives one of them a right.
func TestOutsideWatchers(t *testing.T) {
	p, err := OpenProcess(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.release)
	const trace = plan.CapSet(1 << unix.CAP_SYS_PTRACE)
	user, other := ns.ID{Ino: 1}, ns.ID{Ino: 2}
	w := &watcherScan{users: []plan.UserNamespace{{ID: other}, {ID: user}}}
	for _, row := range []struct {
		caps        plan.CapSet
		user        ns.ID
		readThreads bool
		found       []plan.CapSet
	}{
		{plan.CapSysAdmin, user, true, nil},
		{^plan.CapSet(0), user, false, nil},
		{trace | 1, user, false, []plan.CapSet{trace | 1}},
		{trace | 2, user, false, []plan.CapSet{trace}},
		{^plan.CapSet(0), other, false, []plan.CapSet{trace, ^plan.CapSet(0)}},
	} {
		threads, err := w.addOutside(p, plan.Watcher{User: row.user, Capabilities: row.caps})
		var caps []plan.CapSet
		for _, f := range w.found {
			caps = append(caps, f.Capabilities)
			if f.Outside != p.PID || !f.Channel { // nothing to compare with, so it counts as shared
				t.Errorf("%+v", f)
			}
		}
		if err != nil || threads != row.readThreads || !slices.Equal(caps, row.found) {
			t.Errorf("%x: threads are read: %t, %v; found %x, want %x", row.caps, threads, err, caps, row.found)
		}
	}
}
