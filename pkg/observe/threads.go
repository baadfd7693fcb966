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
// left out, until it wants no more.
func eachThread(pid int, see func(tid int, st procfs.Stat) bool) error {
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
		return err != nil || st.MainEnded() || see(tid, st)
	})
}

// livingThread is a thread of process pid that has not ended, 0 if that is the main one. A main
// thread that has ended while others go on has no namespaces, no root and no memory in /proc.
func livingThread(dir, pid int) (tid int, err error) {
	st, err := procfs.ReadStatIn(dir)
	if err != nil || !st.MainEnded() || st.Dead() {
		return 0, err
	}
	err = eachThread(pid, func(living int, _ procfs.Stat) bool {
		tid = living
		return false
	})
	return tid, err
}

// copyFilters copies the n oldest filters of p, by its main thread, which may take patience to
// stop, or by others. A thread begins with the filters of the one that made it and
// can lose none: so all have the oldest ones in common, those that the program was started with.
// With all, p's own are asked for, and only threads that have no more are looked at.
//
// Other processes of the container are not asked. Who was their ancestor can't be known for sure, and
// a command of docker exec --privileged has no filter but its own.
func (p *Process) copyFilters(n int, all bool, patience time.Duration) ([]plan.Filter, error) {
	first := p.thread
	if first == 0 {
		first = p.PID
	}
	filters, err := copyFilters(first, n, patience)
	if !unshown(err) {
		return filters, err
	}
	asked := 0
	_ = eachThread(p.PID, func(tid int, st procfs.Stat) bool {
		if tid == first || st.State == 'D' || st.State == 't' || all && p.filtersOf(tid) != n {
			return true
		}
		if more, e := copyFilters(tid, n, stopSoon); e == nil {
			filters, err = more, nil
		}
		asked++
		return err != nil && asked < askedThreads
	})
	return filters, err
}

// filtersOf is how many filters a thread of p has; -1 where that is not known.
func (p *Process) filtersOf(tid int) int {
	dir, err := openDir(fmt.Sprintf("/proc/%d/task/%d", p.PID, tid))
	if err != nil {
		return -1
	}
	t := &Process{PID: p.PID, dir: dir}
	defer dir.Close()
	st, err := t.readStatus()
	if err != nil {
		return -1
	}
	n, err := st.filters()
	if err != nil {
		return -1
	}
	return n
}
