// Package trace is the toolbox's strace: the options that people type, around u-root's tracer.
package trace

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
)

// call is a call of strace.
type call struct {
	size    int
	times   int // 1: seconds, 2: microseconds, 3: since 1970
	gaps    bool
	paths   bool
	counts  counts // nil: there is no table
	both    bool   // the table and the calls
	works   bool   // those that did not fail only
	last    time.Time
	lock    sync.Mutex // of the output
	pids    []int
	output  string
	command []string
	calls   map[string]bool // nil: all
	except  bool            // all but these
	failed  bool            // those that failed only
	out     *os.File
}

// classes are groups of system calls for -e.
var classes = map[string]string{
	"file": "access chdir chmod chown creat execve execveat faccessat faccessat2 fchmodat fchownat fstatat getcwd lchown link linkat lstat mkdir mkdirat mknod mknodat mount newfstatat open " +
		"openat openat2 readlink readlinkat rename renameat renameat2 rmdir stat statfs statx swapoff swapon symlink symlinkat truncate umount2 unlink unlinkat utime utimensat utimes",
	"network": "accept accept4 bind connect getpeername getsockname getsockopt listen recvfrom recvmmsg recvmsg sendmmsg sendmsg sendto setsockopt shutdown socket socketpair",
	"process": "clone clone3 execve execveat exit exit_group fork kill pidfd_send_signal rt_sigqueueinfo tgkill tkill vfork wait4 waitid",
	"signal":  "kill pause rt_sigaction rt_sigpending rt_sigprocmask rt_sigqueueinfo rt_sigreturn rt_sigsuspend rt_sigtimedwait sigaltstack signalfd signalfd4 tgkill tkill",
	"memory":  "brk madvise mlock mmap mprotect mremap msync munlock munmap",
	"desc":    "close dup dup2 dup3 epoll_ctl epoll_pwait epoll_wait fallocate fcntl fstat fsync ftruncate getdents64 ioctl lseek pipe pipe2 poll ppoll pread64 pselect6 pwrite64 read readv select sendfile splice write writev",
}

// parse reads the arguments.
func parse(args []string) (c *call, status int, ok bool) {
	c = &call{}
	f := tool.Flags("strace", "[-cCfrtTyzZ] [-e [trace=][!]CALL,...] [-s BYTES] [-o FILE] COMMAND [ARG...] | -p PID")
	f.SetInterspersed(false)
	forks := 0
	f.CountVarP(&forks, "follow-forks", "f", "children too (always)")
	summary := f.BoolP("summary-only", "c", false, "a table of calls, their times and errors, instead of the calls")
	f.BoolVarP(&c.both, "summary", "C", false, "the table after the calls")
	f.BoolVarP(&c.gaps, "relative-timestamps", "r", false, "the seconds since the last call")
	f.BoolVarP(&c.paths, "decode-fds", "y", false, "the files of descriptors")
	f.BoolVarP(&c.works, "successful-only", "z", false, "only calls that did not fail")
	f.BoolP("no-abbrev", "v", false, "whole structures (always)")
	expression := f.StringP("expr", "e", "", "these calls, or with ! all others; %file %network %process %signal %memory %desc are groups")
	f.IntVarP(&c.size, "string-limit", "s", 1024, "the bytes of strings that are shown")
	f.StringVarP(&c.output, "output", "o", "", "the file to write to")
	f.BoolVarP(&c.failed, "failed-only", "Z", false, "only calls that failed")
	f.IntSliceVarP(&c.pids, "attach", "p", nil, "a process that runs, with its threads, until ^C")
	f.BoolP("durations", "T", false, "how long calls take (always)")
	f.BoolP("quiet", "q", false, "no messages about processes that are attached (the default)")
	f.CountVarP(&c.times, "time", "t", "the time of day; -tt with microseconds, -ttt since 1970")
	if status, ok := tool.Parse(f, args); !ok {
		return nil, status, false
	}
	c.command = f.Args()
	if (len(c.command) == 0) == (len(c.pids) == 0) || c.size < 0 {
		return nil, tool.Misused(f), false
	}
	err := c.choose(*expression)
	if forks > 1 && c.output != "" {
		err = errors.New("-ff with -o is not supported here: -f writes all processes to one file")
	}
	if *summary || c.both {
		c.counts = make(counts)
	}
	if err != nil {
		return nil, tool.Refuse("strace", err), false
	}
	return c, 0, true
}

// choose reads an expression of -e.
func (c *call) choose(expression string) error {
	if expression == "" {
		return nil
	}
	list := strings.TrimPrefix(expression, "trace=")
	if name, _, ok := strings.Cut(list, "="); ok {
		return fmt.Errorf("-e %s= is not supported here: trace=", tool.Printable(name))
	}
	list, c.except = strings.CutPrefix(list, "!")
	c.calls = make(map[string]bool)
	for name := range strings.SplitSeq(list, ",") {
		if name == "all" {
			c.calls = nil
			return nil
		}
		group, isGroup := classes[strings.TrimPrefix(name, "%")]
		switch {
		case strings.HasPrefix(name, "%") && !isGroup:
			return fmt.Errorf("there is no group %s", tool.Printable(name))
		case isGroup:
			for word := range strings.FieldsSeq(group) {
				c.calls[word] = true
			}
		default:
			if !known(name) {
				return fmt.Errorf("there is no system call %q", name)
			}
			c.calls[name] = true
		}
	}
	return nil
}

// stamp is what -t and -r put before a line.
func (c *call) stamp(at time.Time) string {
	before := c.last
	c.last = at
	switch {
	case c.gaps && before.IsZero():
		return "     0.000000 "
	case c.gaps:
		return fmt.Sprintf("%13.6f ", max(0, at.Sub(before).Seconds()))
	case c.times == 0:
		return ""
	case c.times == 1:
		return at.Format("15:04:05 ")
	case c.times == 2:
		return at.Format("15:04:05.000000 ")
	}
	return fmt.Sprintf("%d.%06d ", at.Unix(), at.Nanosecond()/1000)
}

// wanted reports whether a system call is shown.
func (c *call) wanted(name string) bool { return c.calls == nil || c.calls[name] != c.except }
