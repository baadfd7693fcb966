//go:build linux

package observe

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/procfs"
	"github.com/nsjoin/docker-nsjoin/pkg/thread"
)

// threadsVariable has TestThreadsHaveFilters be the process of TestFiltersOfAnotherThread.
const threadsVariable = "NSJOIN_TEST_THREADS_HAVE_FILTERS"

// TestThreadsHaveFilters loads a filter on each of two threads, of different length.
func TestThreadsHaveFilters(t *testing.T) {
	if os.Getenv(threadsVariable) == "" {
		t.Skip("it is started by another test")
	}
	for range 2 {
		loaded := make(chan string)
		go func() {
			runtime.LockOSThread()
			loaded <- loadFilter(unix.Gettid())
			select {}
		}()
		fmt.Println(<-loaded)
	}
	_, _ = bufio.NewReader(os.Stdin).ReadByte() // until the other end is closed
}

// loadFilter loads a filter that allows all on this thread, and says "threads TID", or why it could not.
func loadFilter(tid int) string {
	load := unix.SockFilter{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_IMM, K: uint32(tid)}
	program := []unix.SockFilter{load, {Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW}}
	of := &unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]}
	if _, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, 0, uintptr(unsafe.Pointer(of))); errno != 0 {
		return fmt.Sprintf("none: %v", errno)
	}
	return fmt.Sprintf("threads %d", tid)
}

// Two threads have as many filters, but not the same: where one can't be asked, the other says nothing
// of all that it has. What they began with, it does.
func TestFiltersOfAnotherThread(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("to copy filters takes root")
	}
	cmd := exec.Command("/proc/self/exe", "-test.run=^TestThreadsHaveFilters$")
	cmd.Env = append(os.Environ(), threadsVariable+"=1")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		in.Close()
		_ = cmd.Wait()
	}()
	var tids []int
	for lines := bufio.NewScanner(out); len(tids) < 2 && lines.Scan(); {
		var tid int
		if _, err := fmt.Sscanf(lines.Text(), "threads %d", &tid); err != nil {
			t.Fatalf("it says %q", lines.Text())
		}
		tids = append(tids, tid)
	}
	p, err := Hold(cmd.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	defer p.release()
	dir, err := openDir(fmt.Sprintf("/proc/%d/task/%d", p.PID, tids[0]))
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	p.thread, p.dir = tids[0], dir // as if it were the first that lives
	var n int
	if st, err := p.readStatus(); err != nil {
		t.Fatal(err)
	} else if n, err = st.filters(); err != nil || n == 0 {
		t.Fatalf("%d filters: %v", n, err)
	}
	own, err := p.copyFilters(n, true, stopWithin)
	if err != nil || len(own) != n || own[n-1].Program[0].K != uint32(tids[0]) {
		t.Fatalf("it has %v: %v", own, err)
	}

	traced, over := make(chan error), make(chan struct{})
	go func() {
		runtime.LockOSThread() // and never unlocked: its end lets go of the thread
		traced <- unix.PtraceSeize(tids[0])
		<-over
	}()
	if err := <-traced; err != nil {
		t.Fatal(err)
	}
	defer close(over)
	if got, err := p.copyFilters(n, true, 10*time.Millisecond); !unshown(err) {
		t.Errorf("it has %v: %v", got, err)
	}
	// Those that a runtime gave them all: here none but what the test itself has.
	if got, err := p.copyFilters(n-1, false, 10*time.Millisecond); err != nil || len(got) != n-1 {
		t.Errorf("they began with %v: %v", got, err)
	}
}

// The number of a thread that has ended may be another's.
func TestFiltersOfAnEndedThread(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("to copy filters takes root")
	}
	var dir *os.File
	thread.Run(func() {
		var err error
		if dir, err = openDir(fmt.Sprintf("/proc/self/task/%d", unix.Gettid())); err != nil {
			t.Error(err)
		}
	})
	defer dir.Close()
	for deadline := time.Now().Add(time.Minute); ; {
		if _, err := procfs.ReadStatIn(int(dir.Fd())); err != nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the thread does not end")
		}
		runtime.Gosched()
	}
	other := exec.Command("sleep", "60")
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = other.Process.Kill()
		_ = other.Wait()
	}()
	if got, err := copyFiltersOf(int(dir.Fd()), other.Process.Pid, 0, stopWithin); err == nil {
		t.Errorf("it has %v", got)
	}
}
