//go:build linux

package observe

import (
	"fmt"
	"strconv"
	"time"

	"github.com/nsjoin/docker-nsjoin/pkg/plan"
	"github.com/nsjoin/docker-nsjoin/pkg/procfs"
)

// Bounds of the threads of one process that are looked at, and that are asked for filters. A
// container decides how many there are.
const (
	someThreads  = 1024
	askedThreads = 4
)

// eachThread gives those threads of process pid to see which have not ended, its main thread
// left out, until it wants no more. dir is the thread's directory in /proc: of one that has ended
// meanwhile, whose number may be another's, nothing can be read there.
func eachThread(pid int, see func(dir, tid int, st procfs.Stat) bool) error {
	tasks, seen := fmt.Sprintf("/proc/%d/task", pid), 0
	return procfs.EachNumber(tasks, func(tid int) bool {
		if seen++; seen > someThreads {
			return false
		}
		if tid == pid {
			return true
		}
		dir, err := openDir(tasks + "/" + strconv.Itoa(tid))
		if err != nil {
			return true
		}
		defer dir.Close()
		st, err := procfs.ReadStatIn(int(dir.Fd()))
		return err != nil || st.MainEnded() || see(int(dir.Fd()), tid, st)
	})
}

// livingThread is a thread of process pid that has not ended, 0 if that is the main one. A main
// thread that has ended while others go on has no namespaces, no root and no memory in /proc.
func livingThread(dir, pid int) (tid int, err error) {
	st, err := procfs.ReadStatIn(dir)
	if err != nil || !st.MainEnded() || st.Dead() {
		return 0, err
	}
	err = eachThread(pid, func(_, living int, _ procfs.Stat) bool {
		tid = living
		return false
	})
	return tid, err
}

// copyFilters copies the n oldest filters of p, by its main thread, which may take patience to
// stop, or by others. A thread begins with the filters of the one that made it and
// can lose none: so all have the oldest ones in common, those that the program was started with.
// With all, p's own are asked for. Then no other thread is: one that has as many may have others.
//
// Other processes of the container are not asked. Who was their ancestor can't be known for sure, and
// a command of docker exec --privileged has no filter but its own.
func (p *Process) copyFilters(n int, all bool, patience time.Duration) ([]plan.Filter, error) {
	first := p.thread
	if first == 0 {
		first = p.PID
	}
	filters, err := copyFiltersOf(int(p.dir.Fd()), first, n, patience)
	if all || !unshown(err) {
		return filters, err
	}
	asked := 0
	_ = eachThread(p.PID, func(dir, tid int, st procfs.Stat) bool {
		if tid == first || st.State == 'D' || st.State == 't' {
			return true
		}
		if more, e := copyFiltersOf(dir, tid, n, stopSoon); e == nil {
			filters, err = more, nil
		}
		asked++
		return err != nil && asked < askedThreads
	})
	return filters, err
}

// copyFiltersOf copies those of thread tid, whose directory in /proc is dir. If it has ended, its
// number may have been another's.
func copyFiltersOf(dir, tid, n int, patience time.Duration) ([]plan.Filter, error) {
	filters, err := copyFilters(tid, n, patience)
	if err == nil {
		_, err = procfs.ReadStatIn(dir)
	}
	if err != nil {
		return nil, err
	}
	return filters, nil
}
