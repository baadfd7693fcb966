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

// threadsVariable makes TestThreadsHaveFilters the child process of TestFiltersOfAnotherThread.
const threadsVariable = "NSJOIN_TEST_THREADS_HAVE_FILTERS"

// TestThreadsHaveFilters loads a different filter on each of two threads.
func TestThreadsHaveFilters(t *testing.T) {
	if os.Getenv(threadsVariable) == "" {
		t.Skip("only runs as a child of TestFiltersOfAnotherThread")
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
	_, _ = bufio.NewReader(os.Stdin).ReadByte() // wait until the parent closes the pipe
}

// loadFilter loads a filter on this thread that allows everything. It returns "threads TID", or why it failed.
func loadFilter(tid int) string {
	load := unix.SockFilter{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_IMM, K: uint32(tid)}
	program := []unix.SockFilter{load, {Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW}}
	of := &unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]}
	if _, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, 0, uintptr(unsafe.Pointer(of))); errno != 0 {
		return fmt.Sprintf("none: %v", errno)
	}
	return fmt.Sprintf("threads %d", tid)
}

// Two threads have the same number of filters, but not the same filters: if one cannot be traced, the other
// does not show all its filters. It does show those that both started with.
func TestFiltersOfAnotherThread(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root")
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
	p, err := OpenProcess(cmd.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	defer p.release()
	dir, err := procfs.OpenDir(fmt.Sprintf("/proc/%d/task/%d", p.PID, tids[0]))
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	p.thread, p.dir = tids[0], dir // as if it were the first living thread
	var n int
	if st, err := p.readStatus(); err != nil {
		t.Fatal(err)
	} else if n, err = st.Filters(); err != nil || n == 0 {
		t.Fatalf("%d filters: %v", n, err)
	}
	own, err := p.copyFilters(n, true, stopTimeout)
	if err != nil || len(own) != n || own[n-1].Program[0].K != uint32(tids[0]) {
		t.Fatalf("it has %v: %v", own, err)
	}

	traced, over := make(chan error), make(chan struct{})
	go thread.Run(func() { // its thread ends afterwards, which detaches
		traced <- unix.PtraceSeize(tids[0])
		<-over
	})
	if err := <-traced; err != nil {
		t.Fatal(err)
	}
	defer close(over)
	if got, err := p.copyFilters(n, true, 10*time.Millisecond); !notTraced(err) {
		t.Errorf("it has %v: %v", got, err)
	}
	// The filters that all threads have in common are those of the test itself.
	if got, err := p.copyFilters(n-1, false, 10*time.Millisecond); err != nil || len(got) != n-1 {
		t.Errorf("in common: %v, %v", got, err)
	}
}

// The number of a thread that has ended may be reused.
func TestFiltersOfAnEndedThread(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	var dir *os.File
	thread.Run(func() {
		var err error
		if dir, err = procfs.OpenDir(fmt.Sprintf("/proc/self/task/%d", unix.Gettid())); err != nil {
			t.Error(err)
		}
	})
	defer dir.Close()
	for deadline := time.Now().Add(time.Minute); ; {
		if _, err := procfs.ReadStatAt(int(dir.Fd())); err != nil {
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
	if got, err := copyFiltersOf(int(dir.Fd()), other.Process.Pid, 0, stopTimeout); err == nil {
		t.Errorf("it has %v", got)
	}
}
