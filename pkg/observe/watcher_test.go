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
)

// A process that ends when it is looked at has left a child: it is found, however often that happens.
func TestWhoForksAndEndsIsFound(t *testing.T) {
	dir := t.TempDir()
	born := func(pid int) {
		if err := os.Mkdir(filepath.Join(dir, strconv.Itoa(pid)), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	born(1)
	born(10)
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
		born(pid + 1)
		return fmt.Errorf("it has ended: %w", []error{unix.ENOENT, unix.ESRCH}[pid%2])
	}
	rounds := 0
	for missed := true; missed && rounds < 10; rounds++ {
		var err error
		if missed, err = eachOnce(dir, looked, look); err != nil {
			t.Fatal(err)
		}
	}
	if slices.Sort(seen); !slices.Equal(seen, []int{1, 10, 11, 12, 13, 14, 15}) {
		t.Errorf("%v were looked at, in %d rounds", seen, rounds)
	}
	if missed, err := eachOnce(dir, make(map[int]bool), func(int) error { return unix.EACCES }); err == nil {
		t.Errorf("what can't be looked at is no error, missed: %t", missed)
	}
}

// One that was dead when it was looked at may have lived when it was listed.
func TestDeadAreListedTwice(t *testing.T) {
	w := &watchers{ended: make(map[int]bool)}
	if err := w.hasEnded(7); err == nil {
		t.Error("it has left nobody")
	}
	if err := w.hasEnded(7); err != nil {
		t.Error(err)
	}
}
