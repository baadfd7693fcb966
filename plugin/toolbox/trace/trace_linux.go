//go:build amd64 || arm64 || riscv64

package trace

import (
	"cmp"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/u-root/u-root/pkg/strace"
	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
)

// Strace prints the system calls of a command or a process. It returns the command's status.
func Strace(args []string) int {
	c, status, ok := parse(args)
	if !ok {
		return status
	}
	c.out = os.Stderr
	if c.output != "" {
		file, err := os.Create(c.output)
		if err != nil {
			return tool.Complain("strace", err)
		}
		defer file.Close()
		c.out = file
	}
	strace.LogMaximumSize = uint(c.size)
	if len(c.pids) > 0 {
		return c.follow()
	}
	cmd := exec.Command(c.command[0], c.command[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	// ^C is for the command.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGINT, syscall.SIGQUIT)
	err := strace.Trace(cmd, c.event(cmd, &status))
	if err != nil && cmd.Process == nil {
		status, err = tool.Status(err)
		tool.Complain("strace", err)
		return status
	}
	if err != nil {
		return tool.Complain("strace", err)
	}
	c.end()
	return status
}

// follow follows processes that run, until they end or until ^C, which ends the tracer.
func (c *call) follow() int {
	if c.counts != nil {
		signals := make(chan os.Signal, 1)
		tool.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
		go func() {
			s := <-signals
			c.end()
			signal.Reset()
			if number, ok := s.(syscall.Signal); ok {
				_ = unix.Kill(os.Getpid(), number)
			}
		}()
	}
	if err := attach(c.pids, c.event(nil, nil)); err != nil {
		return tool.Complain("strace", err)
	}
	c.end()
	return 0
}

// end prints the table.
func (c *call) end() {
	c.lock.Lock()
	defer c.lock.Unlock()
	if c.counts != nil {
		c.counts.writeTo(c.out)
	}
}

func known(name string) bool {
	_, err := strace.ByName(name)
	return err == nil
}

// keepStatus keeps the status with which the command ends.
func keepStatus(record *strace.TraceRecord, status *int) {
	switch record.Event {
	case strace.Exit:
		*status = record.Exit.WaitStatus.ExitStatus()
	case strace.SignalExit:
		*status = 128 + int(record.SignalExit.Signal)
	}
}

// callName returns the name of a system call, or nothing for an unknown one.
func callName(record *strace.TraceRecord) string {
	name, err := strace.ByNumber(uintptr(record.Syscall.Sysno))
	if err != nil {
		return ""
	}
	return name
}

// event returns what prints an event. It keeps the status that the command ends with.
func (c *call) event(cmd *exec.Cmd, status *int) strace.EventCallback {
	all := strace.PrintTraces(c.out)
	return func(t strace.Task, record *strace.TraceRecord) error {
		if cmd != nil && cmd.Process != nil && record.PID == cmd.Process.Pid {
			keepStatus(record, status)
		}
		c.lock.Lock()
		defer c.lock.Unlock()
		if record.Event != strace.SyscallEnter && record.Event != strace.SyscallExit {
			if c.counts != nil && !c.both {
				return nil
			}
			return all(t, record)
		}
		name := callName(record)
		if c.calls != nil && !c.wanted(name) {
			return nil
		}
		return c.syscall(t, record, name)
	}
}

// syscall counts and prints the begin or the end of a call.
func (c *call) syscall(t strace.Task, record *strace.TraceRecord, name string) error {
	begins, failed := record.Event == strace.SyscallEnter, record.Syscall.Errno != 0
	if (c.failed || c.works) && (begins || failed != c.failed) {
		return nil
	}
	if !begins && c.counts != nil {
		c.counts.add(cmp.Or(name, fmt.Sprintf("syscall_%#x", record.Syscall.Sysno)), record.Syscall.Duration, failed)
	}
	if c.counts != nil && !c.both {
		return nil
	}
	text := strace.SysCallExit
	if begins {
		text = strace.SysCallEnter
	}
	line := strings.TrimSuffix(text(t, record.Syscall), "\n")
	if c.paths {
		line = withPaths(line, record.PID, name, record.Syscall)
	}
	_, err := fmt.Fprintln(c.out, c.stamp(record.Time)+tool.Printable(line))
	return err
}

// onDescriptors are calls whose first argument is a descriptor, and making those that return one.
var (
	onDescriptors = strings.Fields("accept accept4 bind close connect dup dup2 dup3 epoll_ctl epoll_pwait epoll_wait fallocate fchdir fchmod fchown fcntl fdatasync flock fstat fstatfs fsync ftruncate getdents64 " +
		"getpeername getsockname getsockopt ioctl listen lseek pread64 preadv pwrite64 pwritev read readv recvfrom recvmmsg recvmsg sendmmsg sendmsg sendto setsockopt shutdown write writev " +
		"faccessat faccessat2 fchmodat fchownat mkdirat newfstatat openat openat2 readlinkat statx unlinkat")
	making = strings.Fields("accept accept4 dup dup2 dup3 epoll_create epoll_create1 eventfd2 memfd_create open openat openat2 socket")
)

// withPaths adds the files of descriptors to a line, as in read(0x3</etc/passwd>, ...).
func withPaths(line string, pid int, name string, s *strace.SyscallEvent) string {
	add := func(before string, fd uint64) {
		digits := fmt.Sprintf("%#x", fd)
		path, err := os.Readlink(fmt.Sprintf("/proc/%d/fd/%d", pid, fd))
		begin, rest, ok := strings.Cut(line, before+digits)
		if err == nil && ok && (rest == "" || strings.ContainsRune(",) ", rune(rest[0]))) {
			line = begin + before + digits + "<" + path + ">" + rest
		}
	}
	if slices.Contains(onDescriptors, name) {
		add(name+"(", s.Args[0].Uint64())
	}
	if slices.Contains(making, name) && s.Errno == 0 {
		add(" = ", s.Ret[0].Uint64())
	}
	return line
}
