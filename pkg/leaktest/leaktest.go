// Package leaktest fails a package's tests if they leave goroutines or descriptors behind. Only tests
// import it.
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

// timeout is how long goroutines and descriptors may take to go away.
const timeout = time.Minute

// Run runs a package's tests and returns the exit status for its TestMain.
func Run(m *testing.M) int {
	own := make(chan os.Signal, 1) // the goroutine of os/signal stays once it was started
	signal.Notify(own, os.Interrupt)
	signal.Stop(own)
	before := openDescriptors()
	goroutines := runtime.NumGoroutine()
	status := m.Run()
	if status != 0 {
		return status
	}
	if left := Leaked(os.Stderr, goroutines, before, timeout); left {
		return 1
	}
	return 0
}

// Leaked waits until there are no more goroutines and no other descriptors than before, or until the
// timeout. It reports what is left to w.
func Leaked(w io.Writer, goroutines int, before []string, timeout time.Duration) bool {
	for deadline := time.Now().Add(timeout); ; time.Sleep(10 * time.Millisecond) {
		runtime.GC() // closes unreferenced files, which are no leaks
		now := openDescriptors()
		added := slices.DeleteFunc(slices.Clone(now), func(d string) bool { return slices.Contains(before, d) })
		more := runtime.NumGoroutine() - goroutines
		if more <= 0 && len(added) == 0 {
			return false
		}
		if time.Now().After(deadline) {
			fmt.Fprintf(w, "leaktest: %d goroutines and descriptors %q are left\n", max(0, more), added)
			_ = pprof.Lookup("goroutine").WriteTo(w, 1)
			return true
		}
	}
}

// openDescriptors lists the open descriptors with what they refer to, on Linux.
func openDescriptors() []string {
	const dir = "/proc/self/fd/"
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil
	}
	var list []string
	for _, entry := range entries {
		// The descriptor of the list itself is closed by now. The Go runtime keeps those of its poller.
		if target, err := os.Readlink(dir + entry.Name()); err == nil && target != "anon_inode:[eventpoll]" && target != "anon_inode:[eventfd]" {
			list = append(list, entry.Name()+" "+target)
		}
	}
	return list
}
