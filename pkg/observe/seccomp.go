//go:build linux

package observe

import (
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/exit"
	"github.com/nsjoin/docker-nsjoin/pkg/plan"
	"github.com/nsjoin/docker-nsjoin/pkg/thread"
)

// stopWithin is how long a process may take to stop for its filter to be read, and stopSoon
// how long where there is another way. It takes some 50 µs; one that is frozen never stops,
// and one that is in uninterruptible sleep, or has no processor time left, stops later.
const (
	stopWithin = 2 * time.Second
	stopSoon   = 200 * time.Millisecond
)

// CopyFilters copies the n oldest seccomp filters of process pid, the oldest
// first, exactly as the kernel has them.
//
// The process is stopped meanwhile, for some 100 µs, which it can't tell from
// being preempted. It takes CAP_SYS_ADMIN in the initial user namespace and no
// filter on the caller, ptrace(2). Errors: EPERM where the process is traced
// already or the caller may not; EACCES without those rights; ENOENT where it
// has fewer than n.
//
// The kernel makes a tracer wait while the process starts a program, which one on a FUSE
// file system that doesn't answer does for ever. After some time it is given up, and the
// thread that waits stays behind.
func CopyFilters(pid, n int) ([]plan.Filter, error) { return copyFilters(pid, n, stopWithin) }

// copyFilters is CopyFilters for thread tid, which may take patience to stop.
func copyFilters(tid, n int, patience time.Duration) ([]plan.Filter, error) {
	type answer struct {
		filters []plan.Filter
		err     error
	}
	within := 3 * patience // longer than all the limits of its parts: to attach, and to stop
	answers := make(chan answer, 2)
	late := time.AfterFunc(within, func() {
		answers <- answer{nil, exit.Hint(&traceError{tid, fmt.Errorf("it did not answer within %s", within)},
			"it starts a program from a file system that does not answer, such as FUSE")}
	})
	defer late.Stop()
	// A tracer is a thread. With its end it lets go of a process that has not stopped yet.
	go thread.Run(func() {
		filters, err := traceFilters(tid, n, patience)
		answers <- answer{filters, err}
	})
	a := <-answers
	return a.filters, a.err
}

func traceFilters(tid, n int, patience time.Duration) (filters []plan.Filter, err error) {
	if err := seize(tid, patience); err != nil {
		return nil, err
	}
	defer func() {
		if e := unix.PtraceDetach(tid); e != nil && err == nil {
			err = fmt.Errorf("detach from process %d: %w", tid, e)
		}
	}()
	for i := range n {
		f, err := readFilter(tid, i)
		if err != nil {
			return nil, err
		}
		filters = append(filters, f)
	}
	return filters, nil
}

// yield lets others run, sched_yield(2). Go's own would only let goroutines.
func yield() { _, _, _ = unix.RawSyscall(unix.SYS_SCHED_YIELD, 0, 0, 0) }

// tracer is the process that traces pid; 0 for none.
func tracer(pid int) uint64 {
	p, err := Hold(pid)
	if err != nil {
		return 0
	}
	defer p.release()
	st, err := p.readStatus()
	if err != nil {
		return 0
	}
	number, _ := st.number("TracerPid", 10)
	return number
}

// traceError is why a process can't be traced, or doesn't stop: it says nothing about its filters.
type traceError struct {
	pid int
	err error
}

func (e *traceError) Error() string { return fmt.Sprintf("trace process %d: %v", e.pid, e.err) }
func (e *traceError) Unwrap() error { return e.err }

// seize attaches to the process and stops it. PTRACE_SEIZE sends no signal, so
// nothing is left when we die in between: the kernel detaches and resumes.
func seize(pid int, patience time.Duration) error {
	err := unix.PtraceSeize(pid)
	// Another one of us, who joins the same container, has it for a moment.
	for deadline := time.Now().Add(patience); errors.Is(err, unix.EPERM) && time.Now().Before(deadline); {
		traced := tracer(pid) != 0
		err = unix.PtraceSeize(pid)
		if !traced {
			break
		}
		time.Sleep(time.Millisecond)
	}
	if err != nil {
		if by := tracer(pid); by != 0 {
			return exit.Hint(&traceError{pid, fmt.Errorf("process %d traces it already", by)},
				"it can be joined when that debugger or strace lets it go")
		}
		return &traceError{pid, err}
	}
	if err := unix.PtraceInterrupt(pid); err != nil {
		return fmt.Errorf("stop process %d: %w", pid, err)
	}
	deadline := time.Now().Add(patience)
	for tries := 0; ; tries++ {
		got, err := unix.Wait4(pid, nil, unix.WALL|unix.WNOHANG, nil)
		switch {
		case err != nil && !errors.Is(err, unix.EINTR):
			return fmt.Errorf("wait for process %d to stop: %w", pid, err)
		case got == pid:
			return nil
		case time.Now().After(deadline):
			return &traceError{pid, fmt.Errorf("it did not stop within %s: it sleeps uninterruptibly or has no processor time", patience)}
		}
		// It stops as soon as it runs, and a sleep is much longer than that.
		if tries < 50 {
			yield()
			continue
		}
		time.Sleep(time.Duration(tries) * time.Microsecond)
	}
}
