//go:build amd64 || arm64 || riscv64

package trace

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"time"

	"github.com/u-root/u-root/pkg/strace"
	"golang.org/x/sys/unix"
)

// tracer follows processes that already run, which u-root's tracer does not. When it ends, by ^C, the kernel detaches
// the processes, and they go on.
type tracer struct {
	tasks map[int]*task
	event strace.EventCallback
}

// task is a thread that is followed.
type task struct {
	pid     int
	inCall  bool
	entered time.Time
	started bool // it has stopped outside of a system call
}

// Name implements strace.Task.
func (t *task) Name() string { return fmt.Sprintf("[pid %d]", t.pid) }

// Read implements strace.Task.
func (t *task) Read(addr strace.Addr, v any) (int, error) {
	size := binary.Size(v)
	if size <= 0 {
		return 0, errors.New("no size")
	}
	buf := make([]byte, size)
	n, err := t.memory(buf, addr)
	if err != nil {
		return 0, err
	}
	if b, ok := v.([]byte); ok {
		return copy(b, buf[:n]), nil
	}
	return n, binary.Read(bytes.NewReader(buf[:n]), binary.NativeEndian, v)
}

// memory reads the memory of a thread. Engines' seccomp filters refuse process_vm_readv(2), and permit this file.
func (t *task) memory(buf []byte, addr strace.Addr) (int, error) {
	n, err := unix.ProcessVMReadv(t.pid, []unix.Iovec{{Base: &buf[0], Len: uint64(len(buf))}}, []unix.RemoteIovec{{Base: uintptr(addr), Len: len(buf)}}, 0)
	if !errors.Is(err, unix.EPERM) && !errors.Is(err, unix.ENOSYS) {
		return n, err
	}
	file, err := os.Open("/proc/" + strconv.Itoa(t.pid) + "/mem")
	if err != nil {
		return 0, err
	}
	defer file.Close()
	n, err = unix.Pread(int(file.Fd()), buf, int64(addr))
	if n < 0 {
		n = 0
	}
	return n, err
}

const traceOptions = unix.PTRACE_O_TRACESYSGOOD | unix.PTRACE_O_TRACEEXEC | unix.PTRACE_O_TRACECLONE | unix.PTRACE_O_TRACEFORK | unix.PTRACE_O_TRACEVFORK

// attach follows all threads of the processes, until they end.
func attach(pids []int, event strace.EventCallback) error {
	runtime.LockOSThread() // ptrace knows the thread, not the process
	defer runtime.UnlockOSThread()
	t := &tracer{tasks: make(map[int]*task), event: event}
	for _, pid := range pids {
		if err := t.process(pid); err != nil {
			return fmt.Errorf("attach to %d: %w", pid, err)
		}
	}
	return t.follow()
}

// process attaches to the threads of a process. It looks again until there are no new ones. As with strace(1), only the
// first thread's error is one: the others may end, or be attached by the kernel as children of threads that are.
func (t *tracer) process(pid int) error {
	for again := true; again; {
		again = false
		entries, err := os.ReadDir("/proc/" + strconv.Itoa(pid) + "/task")
		if errors.Is(err, os.ErrNotExist) {
			err = unix.ESRCH
		}
		if err != nil {
			return err
		}
		for _, entry := range entries {
			tid, err := strconv.Atoi(entry.Name())
			if err != nil || t.tasks[tid] != nil {
				continue
			}
			err = t.thread(tid)
			if err != nil && tid == pid {
				return err
			}
			again = again || err == nil
		}
	}
	return nil
}

// thread attaches to a thread, which then stops. PTRACE_ATTACH would send it a SIGSTOP, which can't be told from another
// one, and would let a stopped process go on.
func (t *tracer) thread(tid int) error {
	if err := request(unix.PTRACE_SEIZE, tid, traceOptions); err != nil {
		return err
	}
	t.tasks[tid] = &task{pid: tid}
	if err := unix.PtraceInterrupt(tid); err != nil && !errors.Is(err, unix.ESRCH) { // it may have ended
		return err
	}
	return nil
}

// request calls ptrace(2) for what package unix has no function for.
func request(number, tid int, data uintptr) error {
	if _, _, errno := unix.Syscall6(unix.SYS_PTRACE, uintptr(number), uintptr(tid), 0, data, 0, 0); errno != 0 {
		return errno
	}
	return nil
}

// follow handles the stops of all threads.
func (t *tracer) follow() error {
	for {
		var status unix.WaitStatus
		pid, err := unix.Wait4(-1, &status, unix.WALL, nil)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case errors.Is(err, unix.ECHILD):
			return nil
		case err != nil:
			return err
		}
		one := t.tasks[pid]
		if one == nil { // a child whose first stop comes before its parent's event
			one = &task{pid: pid}
			t.tasks[pid] = one
		}
		record := &strace.TraceRecord{PID: pid, Time: time.Now()}
		deliver := t.handle(one, status, record)
		if record.Event != strace.Unknown {
			if err := t.event(one, record); err != nil {
				return err
			}
		}
		if status.Exited() || status.Signaled() {
			delete(t.tasks, pid)
			continue
		}
		if err := one.resume(status, deliver); err != nil && !errors.Is(err, unix.ESRCH) {
			return err
		}
	}
}

// event returns what ptrace(2) calls the event of a stop, or 0.
func event(status unix.WaitStatus) int { return int(status) >> 16 }

// resume lets a task go on.
func (t *task) resume(status unix.WaitStatus, deliver unix.Signal) error {
	switch {
	case event(status) == unix.PTRACE_EVENT_STOP && status.StopSignal() != unix.SIGTRAP: // as its process, until SIGCONT
		return request(unix.PTRACE_LISTEN, t.pid, 0)
	case t.started:
		return unix.PtraceSyscall(t.pid, int(deliver))
	}
	// It is in the middle of a call, whose begin has not been seen. The event has taken the place of the first stop.
	if err := unix.PtraceInterrupt(t.pid); err != nil {
		return err
	}
	return unix.PtraceCont(t.pid, 0)
}

// handle fills in what has happened, and returns the signal to deliver.
func (t *tracer) handle(one *task, status unix.WaitStatus, record *strace.TraceRecord) unix.Signal {
	switch {
	case status.Exited():
		record.Event, record.Exit = strace.Exit, &strace.ExitEvent{WaitStatus: status}
	case status.Signaled():
		record.Event, record.SignalExit = strace.SignalExit, &strace.SignalEvent{Signal: status.Signal()}
	case status.StopSignal() == unix.SIGTRAP|0x80:
		one.syscall(record)
	case event(status) == unix.PTRACE_EVENT_STOP: // the first stop, or a stop of the process
		one.started = true
	case event(status) > 0:
		if child, err := unix.PtraceGetEventMsg(one.pid); err == nil && event(status) != unix.PTRACE_EVENT_EXEC {
			record.Event, record.NewChild = strace.NewChild, &strace.NewChildEvent{PID: int(child)}
			if t.tasks[int(child)] == nil {
				t.tasks[int(child)] = &task{pid: int(child)}
			}
		}
	default:
		one.started = true
		record.Event, record.SignalStop = strace.SignalStop, &strace.SignalEvent{Signal: status.StopSignal()}
		return status.StopSignal()
	}
	return 0
}

// syscall reads the registers where a system call begins or ends.
func (t *task) syscall(record *strace.TraceRecord) {
	s := &strace.SyscallEvent{}
	if err := unix.PtraceGetRegs(t.pid, &s.Regs); err != nil {
		return
	}
	s.FillArgs()
	record.Syscall = s
	if t.inCall = !t.inCall; t.inCall {
		record.Event = strace.SyscallEnter
		t.entered = record.Time
		return
	}
	record.Event = strace.SyscallExit
	s.FillRet()
	s.Duration = record.Time.Sub(t.entered)
}
