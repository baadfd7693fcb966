package builtin

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
)

// resource is a row of the table of limits, getrlimit(2).
type resource struct {
	letter byte
	number int
	unit   uint64 // bytes or what the kernel counts
	name   string
	units  string
}

// pipeSize has no limit of the kernel: it is a constant.
const pipeSize = -1

var resources = []resource{
	{'R', unix.RLIMIT_RTTIME, 1, "real-time non-blocking time", "microseconds, "},
	{'c', unix.RLIMIT_CORE, 1024, "core file size", "blocks, "},
	{'d', unix.RLIMIT_DATA, 1024, "data seg size", "kbytes, "},
	{'e', unix.RLIMIT_NICE, 1, "scheduling priority", ""},
	{'f', unix.RLIMIT_FSIZE, 1024, "file size", "blocks, "},
	{'i', unix.RLIMIT_SIGPENDING, 1, "pending signals", ""},
	{'l', unix.RLIMIT_MEMLOCK, 1024, "max locked memory", "kbytes, "},
	{'m', unix.RLIMIT_RSS, 1024, "max memory size", "kbytes, "},
	{'n', unix.RLIMIT_NOFILE, 1, "open files", ""},
	{'p', pipeSize, 1, "pipe size", "512 bytes, "},
	{'q', unix.RLIMIT_MSGQUEUE, 1, "POSIX message queues", "bytes, "},
	{'r', unix.RLIMIT_RTPRIO, 1, "real-time priority", ""},
	{'s', unix.RLIMIT_STACK, 1024, "stack size", "kbytes, "},
	{'t', unix.RLIMIT_CPU, 1, "cpu time", "seconds, "},
	{'u', unix.RLIMIT_NPROC, 1, "max user processes", ""},
	{'v', unix.RLIMIT_AS, 1024, "virtual memory", "kbytes, "},
	{'x', unix.RLIMIT_LOCKS, 1, "file locks", ""},
}

// Ulimit prints or sets limits of the shell and of what it starts, and returns its status.
func (c *Call) Ulimit() int {
	soft, hard := false, false
	var wanted []resource
	for {
		letter, _, _ := c.option("")
		if letter == 0 {
			break
		}
		switch letter {
		case 'S':
			soft = true
			continue
		case 'H':
			hard = true
			continue
		case 'a':
			wanted = append(wanted, resources...)
			continue
		}
		at := strings.IndexByte(letters(), letter)
		if at < 0 {
			return c.fail(misused, "-%c: invalid option", letter)
		}
		wanted = append(wanted, resources[at])
	}
	if len(wanted) == 0 {
		wanted = append(wanted, resources[strings.IndexByte(letters(), 'f')])
	}
	if len(c.Args) > 1 || len(c.Args) == 1 && len(wanted) > 1 {
		return c.fail(misused, "too many arguments")
	}
	if len(c.Args) == 1 {
		return c.setLimit(wanted[0], c.Args[0], soft || !hard, hard || !soft)
	}
	for _, r := range wanted {
		value := r.show(hard && !soft)
		if len(wanted) > 1 {
			value = fmt.Sprintf("%-20s %20s%s", r.name, "("+r.units+"-"+string(r.letter)+") ", value)
		}
		fmt.Fprintln(c.Stdout, value)
	}
	return 0
}

func letters() string {
	var out strings.Builder
	for _, r := range resources {
		out.WriteByte(r.letter)
	}
	return out.String()
}

// show returns a limit.
func (r *resource) show(hard bool) string {
	if r.number == pipeSize {
		return "8"
	}
	var limit unix.Rlimit
	if err := unix.Getrlimit(r.number, &limit); err != nil {
		return "?"
	}
	value := limit.Cur
	switch {
	case hard:
		value = limit.Max
	case r.number == unix.RLIMIT_NOFILE:
		value = softFiles(limit.Cur)
	}
	if value == unix.RLIM_INFINITY {
		return "unlimited"
	}
	return strconv.FormatUint(value/r.unit, 10)
}

func (c *Call) setLimit(r resource, text string, soft, hard bool) int {
	if r.number == pipeSize {
		return c.fail(1, "pipe size: cannot modify limit: Invalid argument")
	}
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(r.number, &limit); err != nil {
		return c.fail(1, "%s: cannot get limit: %v", strings.TrimSpace(r.name), err)
	}
	if r.number == unix.RLIMIT_NOFILE {
		limit.Cur = softFiles(limit.Cur)
	}
	var value uint64
	switch text {
	case "unlimited":
		value = unix.RLIM_INFINITY
	case "hard":
		value = limit.Max
	case "soft":
		value = limit.Cur
	default:
		n, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			return c.fail(1, "%s: invalid number", text)
		}
		value = n * r.unit
	}
	if soft {
		limit.Cur = value
	}
	if hard {
		limit.Max = value
	}
	// This call also tells package os/exec that programs inherit the limit.
	if err := syscall.Setrlimit(r.number, &limit); err != nil {
		return c.fail(1, "%s: cannot modify limit: %v", strings.TrimSpace(r.name), err)
	}
	if r.number == unix.RLIMIT_NOFILE {
		filesSet = true
	}
	return 0
}

// filesSet says that the limit of open files was set here.
var filesSet bool

// softFiles returns the soft limit of open files that programs inherit. Go's runtime raises that of its own process, and
// restores it before it executes a program: a program that is stopped before its first instruction shows it. Where that is not
// allowed, it returns raised.
func softFiles(raised uint64) uint64 {
	if filesSet {
		return raised
	}
	runtime.LockOSThread() // what traces is a thread
	defer runtime.UnlockOSThread()
	cmd := exec.Command(tool.Self())
	cmd.SysProcAttr = &syscall.SysProcAttr{Ptrace: true}
	if err := cmd.Start(); err != nil {
		return raised
	}
	defer func() {
		_ = cmd.Process.Kill()
		_, _ = cmd.Process.Wait()
	}()
	var status unix.WaitStatus
	if _, err := unix.Wait4(cmd.Process.Pid, &status, 0, nil); err != nil || !status.Stopped() {
		return raised
	}
	file, err := os.Open(fmt.Sprintf("/proc/%d/limits", cmd.Process.Pid))
	if err != nil {
		return raised
	}
	defer file.Close()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		after, ok := strings.CutPrefix(lines.Text(), "Max open files")
		if fields := strings.Fields(after); ok && len(fields) > 1 {
			if n, err := strconv.ParseUint(fields[0], 10, 64); err == nil {
				return n
			}
			return unix.RLIM_INFINITY
		}
	}
	return raised
}
