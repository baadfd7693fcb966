//go:build linux

package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// counts are what a program and all its descendants cost. They hardly depend on the machine.
type counts struct {
	Faults    int `json:"faults"`    // minor page faults
	Syscalls  int `json:"syscalls"`  // system calls
	Processes int `json:"processes"` // the program's and those that it starts
	Threads   int `json:"threads"`   // that are started besides
	Programs  int `json:"programs"`  // executed
}

// values returns the counts in the order of a counter's events.
func (c *counts) values() []*int {
	return []*int{&c.Faults, &c.Syscalls, &c.Processes, &c.Threads, &c.Programs}
}

// counter counts events of programs that it runs, perf_event_open(2). Only the kernel adds them up, so the
// programs run as they do without it.
type counter struct {
	events []unix.PerfEventAttr
	filter []string // of each event
}

// Flags of clone(2) that distinguish a thread from a process, as a filter on task_newtask.
var (
	isThread  = "clone_flags & " + strconv.Itoa(unix.CLONE_THREAD)
	isProcess = "!(" + isThread + ")"
)

// newCounter needs root, and a kernel with tracepoints.
func newCounter() (*counter, error) {
	c := &counter{}
	c.add(unix.PERF_TYPE_SOFTWARE, unix.PERF_COUNT_SW_PAGE_FAULTS_MIN, "")
	tracefs, err := openTracefs()
	if err != nil {
		return nil, fmt.Errorf("open tracefs: %w", err)
	}
	defer unix.Close(tracefs)
	for _, point := range []struct{ name, filter string }{
		{"raw_syscalls/sys_enter", ""},
		{"task/task_newtask", isProcess},
		{"task/task_newtask", isThread},
		{"sched/sched_process_exec", ""},
	} {
		id, err := tracepoint(tracefs, point.name)
		if err != nil {
			return nil, fmt.Errorf("tracepoint %s: %w", point.name, err)
		}
		c.add(unix.PERF_TYPE_TRACEPOINT, id, point.filter)
	}
	return c, nil
}

// add adds an event that begins to count at execve(2), in all processes that come from there.
func (c *counter) add(kind uint32, config uint64, filter string) {
	c.events = append(c.events, unix.PerfEventAttr{
		Type: kind, Size: unix.PERF_ATTR_SIZE_VER7, Config: config,
		Bits: unix.PerfBitDisabled | unix.PerfBitInherit | unix.PerfBitEnableOnExec,
	})
	c.filter = append(c.filter, filter)
}

// openTracefs opens the root of tracefs, which need not be mounted.
func openTracefs() (int, error) {
	fs, err := unix.Fsopen("tracefs", unix.FSOPEN_CLOEXEC)
	if err != nil {
		return -1, err
	}
	defer unix.Close(fs)
	if err := unix.FsconfigCreate(fs); err != nil {
		return -1, err
	}
	return unix.Fsmount(fs, unix.FSMOUNT_CLOEXEC, 0)
}

func tracepoint(tracefs int, name string) (uint64, error) {
	fd, err := unix.Openat(tracefs, "events/"+name+"/id", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return 0, err
	}
	f := os.NewFile(uintptr(fd), name)
	defer f.Close()
	text, err := io.ReadAll(f)
	if err != nil {
		return 0, err
	}
	return strconv.ParseUint(strings.TrimSpace(string(text)), 10, 64)
}

// count runs a function that starts programs and waits for them, and counts what they do. The thread is locked.
func (c *counter) count(run func() error) (n counts, err error) {
	var open []int
	defer func() {
		for _, fd := range open {
			unix.Close(fd)
		}
	}()
	for i, filter := range c.filter {
		fd, err := unix.PerfEventOpen(&c.events[i], 0, -1, -1, unix.PERF_FLAG_FD_CLOEXEC)
		if err != nil {
			return n, fmt.Errorf("perf_event_open: %w", err)
		}
		open = append(open, fd)
		if filter == "" {
			continue
		}
		if err := setFilter(fd, filter); err != nil {
			return n, fmt.Errorf("filter %q: %w", filter, err)
		}
	}
	if err := run(); err != nil {
		return n, err
	}
	for i, value := range n.values() {
		var word [8]byte
		if size, err := unix.Read(open[i], word[:]); err != nil || size != len(word) {
			return n, errors.Join(errors.New("read an event's count"), err)
		}
		*value = int(binary.NativeEndian.Uint64(word[:])) //nolint:gosec // a small number
	}
	n.Processes++ // the first one began before its execve(2)
	return n, nil
}

// fewest counts each function many times, in turn, and returns the lowest counts of each: they do not have
// what other load causes, such as another thread of Go's scheduler. The programs run on two processors, since
// that scheduler needs memory and threads for each.
func (c *counter) fewest(times int, functions ...func() error) ([]counts, error) {
	runtime.LockOSThread() // the events are inherited from this thread
	defer runtime.UnlockOSThread()
	restore, err := useTwoProcessors()
	if err != nil {
		return nil, err
	}
	defer restore()
	least := make([]counts, len(functions))
	for round := range times {
		for i, run := range functions {
			n, err := c.count(run)
			if err != nil {
				return nil, err
			}
			for k, value := range least[i].values() {
				if now := *n.values()[k]; round == 0 || now < *value {
					*value = now
				}
			}
		}
	}
	return least, nil
}

// useTwoProcessors restricts this thread and what it starts to two processors.
func useTwoProcessors() (restore func(), err error) {
	var all, two unix.CPUSet
	if err := unix.SchedGetaffinity(0, &all); err != nil {
		return nil, fmt.Errorf("sched_getaffinity: %w", err)
	}
	for cpu := 0; two.Count() < min(2, all.Count()); cpu++ {
		if all.IsSet(cpu) {
			two.Set(cpu)
		}
	}
	if err := unix.SchedSetaffinity(0, &two); err != nil {
		return nil, fmt.Errorf("sched_setaffinity: %w", err)
	}
	return func() { _ = unix.SchedSetaffinity(0, &all) }, nil
}
