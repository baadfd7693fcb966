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

// stopTimeout is how long a process may take to stop so that its filter can be read; shortStopTimeout is the
// limit if there is another way to get the filter. Stopping takes about 50 µs. A frozen process never stops; one in
// uninterruptible sleep, or without processor time, stops later.
const (
	stopTimeout      = 2 * time.Second
	shortStopTimeout = 200 * time.Millisecond
)

// CopyFilters copies the n oldest seccomp filters of process pid, the oldest first, exactly as the kernel has
// them.
//
// The process is stopped for about 100 µs. A call that signal(7) lists as never restarted after a stop, such as
// epoll_wait(2), returns EINTR then. CopyFilters needs
// CAP_SYS_ADMIN in the initial user namespace and a caller without a filter, ptrace(2). Errors: EPERM if the
// process is already traced or the caller may not trace it; EACCES without those rights; ENOENT if it has fewer
// than n filters.
//
// While a process starts a program the kernel makes a tracer wait. For a program on a FUSE file system that
// does not answer this never ends. After a timeout CopyFilters gives up and leaves the waiting thread behind.
func CopyFilters(pid, n int) ([]plan.Filter, error) { return copyFilters(pid, n, stopTimeout) }

// copyFilters is CopyFilters for thread tid, which may take timeout to stop.
func copyFilters(tid, n int, timeout time.Duration) ([]plan.Filter, error) {
	type answer struct {
		filters []plan.Filter
		err     error
	}
	overall := 3 * timeout // more than attaching and stopping may take together
	answers := make(chan answer, 2)
	late := time.AfterFunc(overall, func() {
		answers <- answer{nil, exit.Hint(&traceError{tid, fmt.Errorf("it did not answer within %s", overall)},
			"the process is starting a program from a file system that does not answer, such as a FUSE file system")}
	})
	defer late.Stop()
	// The tracer is the thread: when it ends, the kernel detaches it, even from a process that has not stopped yet.
	go thread.Run(func() {
		filters, err := traceFilters(tid, n, timeout)
		answers <- answer{filters, err}
	})
	a := <-answers
	return a.filters, a.err
}

func traceFilters(tid, n int, timeout time.Duration) (filters []plan.Filter, err error) {
	sig, err := seize(tid, timeout)
	if err != nil {
		return nil, err
	}
	defer func() {
		if e := detach(tid, sig); e != nil && err == nil {
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

// yield yields the processor to other processes, sched_yield(2). runtime.Gosched only yields to goroutines.
func yield() { _, _, _ = unix.RawSyscall(unix.SYS_SCHED_YIELD, 0, 0, 0) }

// tracer returns the process that traces pid; 0 for none.
func tracer(pid int) uint64 {
	p, err := OpenProcess(pid)
	if err != nil {
		return 0
	}
	defer p.release()
	st, err := p.readStatus()
	if err != nil {
		return 0
	}
	number, _ := st.Number("TracerPid", 10)
	return number
}

// traceError is an error of tracing a process or waiting until it stops. It says nothing about the filters.
type traceError struct {
	pid int
	err error
}

func (e *traceError) Error() string { return fmt.Sprintf("trace process %d: %v", e.pid, e.err) }
func (e *traceError) Unwrap() error { return e.err }

// seize attaches to the process and stops it. PTRACE_SEIZE sends no signal, so nothing is left if this process
// dies in between: the kernel detaches and resumes. The process may have stopped to receive sig, which detach delivers;
// 0 for none.
func seize(pid int, timeout time.Duration) (sig unix.Signal, err error) {
	if err := attach(pid, timeout); err != nil {
		return 0, err
	}
	return stop(pid, timeout)
}

// attach begins to trace the process, which goes on running.
func attach(pid int, timeout time.Duration) error {
	err := unix.PtraceSeize(pid)
	// Another docker nsjoin that joins the same container may trace it for a moment.
	for deadline := time.Now().Add(timeout); errors.Is(err, unix.EPERM) && time.Now().Before(deadline); {
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
				"detach that debugger or strace first")
		}
		return &traceError{pid, err}
	}
	return nil
}

// stop stops a process that this thread traces. A signal that the process was about to receive stops it too: the
// kernel leaves it to the tracer to deliver that.
func stop(pid int, timeout time.Duration) (sig unix.Signal, err error) {
	if err := unix.PtraceInterrupt(pid); err != nil {
		return 0, fmt.Errorf("stop process %d: %w", pid, err)
	}
	deadline := time.Now().Add(timeout)
	for tries := 0; ; tries++ {
		var status unix.WaitStatus
		got, err := unix.Wait4(pid, &status, unix.WALL|unix.WNOHANG, nil)
		switch {
		case err != nil && !errors.Is(err, unix.EINTR):
			return 0, fmt.Errorf("wait for process %d to stop: %w", pid, err)
		case got == pid && status.Stopped() && status>>eventAt == 0:
			return status.StopSignal(), nil
		case got == pid:
			return 0, nil
		case time.Now().After(deadline):
			return 0, &traceError{pid, fmt.Errorf("it did not stop within %s: it is in uninterruptible sleep or gets no CPU time", timeout)}
		}
		// It stops as soon as it runs; sleeping would take much longer.
		if tries < 50 {
			yield()
			continue
		}
		time.Sleep(time.Duration(tries) * time.Microsecond)
	}
}

// eventAt is the first bit of a stop's event in a wait status. It is PTRACE_EVENT_STOP for a stop by PTRACE_INTERRUPT or of
// the process group, and 0 for one by a signal that is not delivered yet, ptrace(2).
const eventAt = 16

// detach ends tracing. The process goes on and receives sig, unless that is 0.
func detach(pid int, sig unix.Signal) error {
	_, _, errno := unix.RawSyscall6(unix.SYS_PTRACE, unix.PTRACE_DETACH, uintptr(pid), 0, uintptr(sig), 0, 0)
	if errno != 0 {
		return errno
	}
	return nil
}
