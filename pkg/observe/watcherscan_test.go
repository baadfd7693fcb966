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
