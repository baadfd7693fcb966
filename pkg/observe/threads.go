//go:build linux

package observe

import (
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/nsjoin/docker-nsjoin/pkg/plan"
	"github.com/nsjoin/docker-nsjoin/pkg/procfs"
)

// Limits on the threads of one process that are examined, and on those that are traced for their filters: a
// container decides how many threads it has.
const (
	maxScannedThreads = 1024
	maxTracedThreads  = 4
)

// eachThread calls see with the living threads of process pid, without the main thread, until see returns
// false. dir is the thread's directory in /proc: if the thread has ended meanwhile and its number is reused,
// reading there fails.
func eachThread(pid int, see func(dir, tid int, st procfs.Stat) bool) error {
	tasks, seen := fmt.Sprintf("/proc/%d/task", pid), 0
	return procfs.EachNumber(tasks, func(tid int) bool {
		if seen++; seen > maxScannedThreads {
			return false
		}
		if tid == pid {
			return true
		}
		dir, err := procfs.OpenDir(tasks + "/" + strconv.Itoa(tid))
		if err != nil {
			return true
		}
		defer dir.Close()
		st, err := procfs.ReadStatAt(int(dir.Fd()))
		return err != nil || st.MainEnded() || see(int(dir.Fd()), tid, st)
	})
}

// livingThread returns a living thread of process pid if the main thread has ended; 0 if the main thread lives. A
// main thread that has ended before the others has no namespaces, no root and no memory in /proc.
func livingThread(dir, pid int) (tid int, err error) {
	st, err := procfs.ReadStatAt(dir)
	if err != nil || !st.MainEnded() || st.Dead() {
		return 0, err
	}
	err = eachThread(pid, func(_, living int, _ procfs.Stat) bool {
		tid = living
		return false
	})
	return tid, err
}

// OpenThread opens the directory in /proc of a living thread of process pid, whose own directory is dir: the main thread's, which
// is the process's, or that of another thread if the main thread has ended and so has no mounts. It is an error if the process
// has ended and its parent has waited for it.
func OpenThread(dir *os.File, pid int) (*os.File, error) {
	tid, err := livingThread(int(dir.Fd()), pid)
	if err != nil {
		return nil, err
	}
	name := fmt.Sprintf("/proc/%d", pid)
	if tid != 0 {
		name = fmt.Sprintf("/proc/%d/task/%d", pid, tid)
	}
	thread, err := procfs.OpenDir(name)
	if err != nil {
		return nil, err
	}
	if _, err := procfs.ReadStatAt(int(dir.Fd())); err != nil { // the number may be another process's
		thread.Close()
		return nil, err
	}
	return thread, nil
}

// copyFilters copies the n oldest filters of p from its main thread, which may take timeout to stop, or from
// another thread. A thread starts with the filters of the thread that created it and cannot remove any, so all
// threads have the oldest filters in common: those that the program was started with. With all set, n is the
// number of p's own filters and no other thread is asked: one with the same number of filters may have
// different ones.
//
// Other processes of the container are not asked. Their ancestry is uncertain, and a command of docker exec
// --privileged has only its own filters.
func (p *Process) copyFilters(n int, all bool, timeout time.Duration) ([]plan.Filter, error) {
	first := p.thread
	if first == 0 {
		first = p.PID
	}
	filters, err := copyFiltersOf(int(p.dir.Fd()), first, n, timeout)
	if all || !notTraced(err) {
		return filters, err
	}
	asked := 0
	_ = eachThread(p.PID, func(dir, tid int, st procfs.Stat) bool {
		if tid == first || st.State == 'D' || st.State == 't' {
			return true
		}
		if more, e := copyFiltersOf(dir, tid, n, shortStopTimeout); e == nil {
			filters, err = more, nil
		}
		asked++
		return err != nil && asked < maxTracedThreads
	})
	return filters, err
}

// copyFiltersOf copies the filters of thread tid, whose directory in /proc is dir. Reading dir afterwards
// proves that tid was not reused.
func copyFiltersOf(dir, tid, n int, timeout time.Duration) ([]plan.Filter, error) {
	filters, err := copyFilters(tid, n, timeout)
	if err == nil {
		_, err = procfs.ReadStatAt(dir)
	}
	if err != nil {
		return nil, err
	}
	return filters, nil
}
