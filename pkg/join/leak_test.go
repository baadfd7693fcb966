//go:build linux

package join

import (
	"os"
	"runtime"
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/leaktest"
	"github.com/nsjoin/docker-nsjoin/pkg/procfs"
)

func TestMain(m *testing.M) { os.Exit(leaktest.Run(m)) }

// If descriptors run out at any point, those that were opened before are closed.
func TestFewDescriptors(t *testing.T) {
	var before unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &before); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.Setrlimit(unix.RLIMIT_NOFILE, &before) }()
	p := ours(t, []string{"/bin/true"}, "true")
	null := open(t, os.DevNull)
	runtime.GC() // closes what other tests have left to it
	list, err := procfs.Numbers("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	// One descriptor in the list belongs to the list itself.
	succeeded := false
	for limit := uint64(slices.Max(list)); !succeeded; limit++ {
		if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: limit, Max: before.Max}); err != nil {
			t.Fatal(err)
		}
		child, err := start(p, Held{Stdio: [3]*os.File{null, null, null}}, false, func(int, *os.File) error { return nil })
		if limit > uint64(slices.Max(list))+100 {
			t.Fatal(err)
		}
		if succeeded = err == nil; succeeded {
			_, _ = child.Wait()
			child.Release()
		}
		_ = unix.Setrlimit(unix.RLIMIT_NOFILE, &before)
		now, err := procfs.Numbers("/proc/self/fd")
		added := func(fd int) bool { return !slices.Contains(list, fd) } // of those, some may be closed meanwhile
		if err != nil || slices.ContainsFunc(now, added) {
			t.Fatalf("with %d descriptors: %v, %v; before %v", limit, now, err, list)
		}
		nothingLeft(t, "few descriptors")
	}
}
