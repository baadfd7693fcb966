// Package leaktest fails the tests of a package that leave goroutines or
// descriptors behind. Only tests import it.
package leaktest

import (
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"runtime/pprof"
	"slices"
	"testing"
	"time"
)

// patience is how long what ends by itself may take.
const patience = 10 * time.Second

// Run runs the tests of a package and returns what its TestMain exits with.
func Run(m *testing.M) int {
	own := make(chan os.Signal, 1) // os/signal's goroutine stays once it was needed
	signal.Notify(own, os.Interrupt)
	signal.Stop(own)
	before := descriptors()
	goroutines := runtime.NumGoroutine()
	status := m.Run()
	if status != 0 {
		return status
	}
	if left := Left(os.Stderr, goroutines, before, patience); left {
		return 1
	}
	return 0
}

// Left waits until there are no more goroutines and no other descriptors than
// there were, and says to w what there is after all.
func Left(w io.Writer, goroutines int, before []string, patience time.Duration) bool {
	for deadline := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		runtime.GC() // which closes files that nobody holds: those are no leaks of ours
		now := descriptors()
		added := slices.DeleteFunc(slices.Clone(now), func(d string) bool { return slices.Contains(before, d) })
		more := runtime.NumGoroutine() - goroutines
		if more <= 0 && len(added) == 0 {
			return false
		}
		if time.Now().After(deadline) {
			fmt.Fprintf(w, "leaktest: %d goroutines and the descriptors %q are left\n", max(0, more), added)
			_ = pprof.Lookup("goroutine").WriteTo(w, 1)
			return true
		}
	}
}

// descriptors lists the open ones and what each is, on Linux.
func descriptors() []string {
	const dir = "/proc/self/fd/"
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil
	}
	var list []string
	for _, entry := range entries {
		// The one that the list itself was read through is gone, and Go's own for waiting stays.
		if target, err := os.Readlink(dir + entry.Name()); err == nil && target != "anon_inode:[eventpoll]" && target != "anon_inode:[eventfd]" {
			list = append(list, entry.Name()+" "+target)
		}
	}
	return list
}
