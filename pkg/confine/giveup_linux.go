package confine

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/seccomp"
)

// giveUp gives up all rights that reading, writing and Go's runtime don't need. It returns the standard streams.
func giveUp() (io.Reader, io.Writer, error) {
	const in, out = descriptor(0), descriptor(1)
	runtime.LockOSThread() // no_new_privs is set on this thread, and on the others with the filter
	size, err := addressSpace()
	if err != nil {
		return in, out, fmt.Errorf("/proc/self/statm: %w", err)
	}
	const rest = ^uint(0)
	_ = unix.CloseRange(3, rest, 0) // what the caller left open; the filter permits reading standard input only
	wake, err := startPoller()
	if err != nil {
		return in, out, err
	}
	if err := changeUser(); err != nil {
		return in, out, err
	}
	if err := dropCapabilities(); err != nil {
		return in, out, fmt.Errorf("capset: %w", err)
	}
	for _, limit := range []struct {
		resource int
		most     uint64
	}{
		{unix.RLIMIT_AS, size + moreMemory}, {unix.RLIMIT_CPU, cpuSeconds}, {unix.RLIMIT_FSIZE, 0}, {unix.RLIMIT_CORE, 0}, {unix.RLIMIT_NOFILE, 0},
	} {
		if err := setLimit(limit.resource, limit.most); err != nil {
			return in, out, fmt.Errorf("setrlimit %d: %w", limit.resource, err)
		}
	}
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return in, out, fmt.Errorf("dumpable: %w", err)
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return in, out, fmt.Errorf("no_new_privs: %w", err)
	}
	filter, err := profile(wake).Compile()
	if err == nil {
		err = loadFilter(filter)
	}
	if err != nil {
		return in, out, fmt.Errorf("seccomp: %w", err)
	}
	return in, out, nil
}

// addressSpace returns the size of the process's address space in bytes, most of which Go's runtime has reserved. It
// does not use package os: if the runtime had opened an epoll(7), it would go on using it.
func addressSpace() (uint64, error) {
	fd, err := unix.Open("/proc/self/statm", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return 0, err
	}
	defer unix.Close(fd)
	text := make([]byte, 128)
	n, err := unix.Read(fd, text)
	if err != nil {
		return 0, err
	}
	first, _, _ := strings.Cut(string(text[:n]), " ")
	pages, err := strconv.ParseUint(first, 10, 64)
	return pages * uint64(os.Getpagesize()), err //nolint:gosec // positive
}

// setLimit lowers a limit. One that is lower already stays.
func setLimit(resource int, most uint64) error {
	var old unix.Rlimit
	if err := unix.Getrlimit(resource, &old); err != nil {
		return err
	}
	most = min(most, old.Max)
	return unix.Setrlimit(resource, &unix.Rlimit{Cur: most, Max: most})
}

// changeUser makes root a user that owns nothing. Root without CAP_SETUID, or in a user namespace that has no other
// user, stays who it is: it has no capabilities afterwards.
func changeUser() error {
	if unix.Geteuid() != 0 {
		return nil
	}
	for _, err := range []error{
		syscall.Setgroups(nil), syscall.Setresgid(nobody, nobody, nobody), syscall.Setresuid(nobody, nobody, nobody),
	} {
		if err != nil && !errors.Is(err, unix.EPERM) && !errors.Is(err, unix.EINVAL) {
			return fmt.Errorf("change the user: %w", err)
		}
	}
	return nil
}

// startPoller makes Go's runtime open its epoll(7), which its timers need, those of the garbage collector too. It
// returns the descriptor of the eventfd(2) that the runtime writes to: it opens the two at the lowest free numbers.
func startPoller() (wake uint64, err error) {
	var free [2]int
	for i := range free {
		if free[i], err = unix.FcntlInt(0, unix.F_DUPFD_CLOEXEC, 0); err != nil {
			return 0, fmt.Errorf("dup: %w", err)
		}
	}
	for _, fd := range free {
		unix.Close(fd)
	}
	time.Sleep(time.Nanosecond)
	return uint64(free[1]), nil //nolint:gosec // positive
}

// profile permits what Go's runtime calls in a program that reads, computes and writes. wake is the descriptor of its
// eventfd.
func profile(wake uint64) *seccomp.Profile {
	type argument struct {
		Index    int    `json:"index"`
		Value    uint64 `json:"value"`
		ValueTwo uint64 `json:"valueTwo"`
		Op       string `json:"op"`
	}
	type rule struct {
		Names  []string   `json:"names"`
		Action string     `json:"action"`
		Args   []argument `json:"args,omitempty"`
	}
	const equal, masked = "SCMP_CMP_EQ", "SCMP_CMP_MASKED_EQ"
	first := func(value uint64) []argument { return []argument{{Value: value, Op: equal}} }
	// A thread, as runtime/os_linux.go makes one, and nothing else.
	const thread = unix.CLONE_VM | unix.CLONE_FS | unix.CLONE_FILES | unix.CLONE_SIGHAND | unix.CLONE_SYSVSEM | unix.CLONE_THREAD
	flags := 0
	if runtime.GOARCH == "s390x" {
		flags = 1
	}
	notExecutable := []argument{{Index: 2, Value: unix.PROT_EXEC, Op: masked}}
	rules := []rule{
		{Names: []string{"read"}, Args: first(0)},
		{Names: []string{"write"}, Args: first(1)},
		{Names: []string{"read"}, Args: first(wake)},
		{Names: []string{"write"}, Args: first(wake)},
		{Names: []string{"mmap", "mmap2", "mprotect"}, Args: notExecutable},
		{Names: []string{"clone"}, Args: []argument{{Index: flags, Value: ^uint64(unix.CLONE_SETTLS), ValueTwo: thread, Op: masked}}},
		{Names: []string{"tgkill"}, Args: first(uint64(os.Getpid()))}, //nolint:gosec // positive
		{Names: []string{
			"epoll_wait", "epoll_pwait", "epoll_pwait2", "exit", "exit_group", "futex", "futex_time64", "munmap", "madvise", "nanosleep", "clock_nanosleep",
			"clock_nanosleep_time64", "clock_gettime", "clock_gettime64", "gettimeofday", "sched_yield", "getpid", "gettid",
			"rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "sigreturn", "sigaltstack", "restart_syscall", "set_robust_list", "rseq",
		}},
	}
	for i := range rules {
		rules[i].Action = "SCMP_ACT_ALLOW"
	}
	text, _ := json.Marshal(rules) // of strings and numbers
	return &seccomp.Profile{DefaultAction: "SCMP_ACT_ERRNO", Syscalls: text}
}
