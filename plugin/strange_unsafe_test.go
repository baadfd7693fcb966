//go:build linux

package main

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"syscall"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// strangeVariable names the stranger that the test program becomes before it executes its
// arguments.
const strangeVariable = "NSJOIN_TEST_STRANGE"

// TestStrangeCaller is not a test: it sets an attribute of its process and executes its arguments.
func TestStrangeCaller(t *testing.T) {
	name := os.Getenv(strangeVariable)
	if name == "" {
		return
	}
	// The thread that calls execve(2) becomes the process, with its attributes.
	runtime.LockOSThread()
	for _, s := range append(strangers(), everything()) {
		if s.name != name {
			continue
		}
		if err := s.become(); err != nil {
			t.Fatalf("become %s: %v", name, err)
		}
		env := os.Environ()
		args := flag.Args()
		t.Fatal(syscall.Exec(args[0], args, env))
	}
	t.Fatalf("there is no stranger %q", name)
}

// stranger is a caller with an attribute that a command in a container must not inherit.
type stranger struct {
	name   string
	become func() error
	// kept is how plans and messages name an attribute that cannot be reset; "" if it can be.
	kept string
	// locally is how --via local names it, if not by kept. refused says that --via local refuses it;
	// otherwise it warns.
	locally string
	refused bool
	// users says that joining a user namespace resets it.
	users bool
	// missing is why this machine has no such caller, or "".
	missing string
}

// strangers returns the callers with one attribute each.
func strangers() []stranger {
	return []stranger{
		{name: "idle", become: schedule(unix.SchedAttr{Policy: unix.SCHED_IDLE})},
		{name: "batch", become: schedule(unix.SchedAttr{Policy: unix.SCHED_BATCH})},
		{name: "real-time", become: schedule(unix.SchedAttr{Policy: unix.SCHED_FIFO, Priority: 5})},
		{name: "round-robin", become: schedule(unix.SchedAttr{Policy: unix.SCHED_RR, Priority: 7, Flags: unix.SCHED_FLAG_RESET_ON_FORK})},
		{name: "slice", become: schedule(unix.SchedAttr{Runtime: 50_000_000})},
		{name: "nice", become: schedule(unix.SchedAttr{Nice: 7})},
		{name: "not-nice", become: schedule(unix.SchedAttr{Nice: -7})},
		{name: "idle-io", become: ioPriority(3 << 13)},
		{name: "last-io", become: ioPriority(2<<13 | 7)},
		{name: "first-io", become: ioPriority(1 << 13)},
		{name: "slack", become: prctl(unix.PR_SET_TIMERSLACK, 123456)},
		{name: "no-new-privs", become: prctl(unix.PR_SET_NO_NEW_PRIVS, 1), kept: "no_new_privs"},
		{name: "no-root", become: prctl(unix.PR_SET_SECUREBITS, 1|1<<6), kept: "joining namespaces here needs root", refused: true},
		{name: "no-ambient-for-good", become: prctl(unix.PR_SET_SECUREBITS, 3<<6), kept: "locked securebits (0xc0)", users: true},
		{name: "no-fixup", become: prctl(unix.PR_SET_SECUREBITS, 1<<2)},
		{name: "no-fixup-for-good", become: prctl(unix.PR_SET_SECUREBITS, 3<<2), kept: "locked securebits (0xc)", refused: true, users: true},
		{name: "no-raw-sockets", become: prctl(unix.PR_CAPBSET_DROP, unix.CAP_NET_RAW), kept: "lacks net_raw", refused: true, users: true},
		{name: "no-clock", become: prctl(unix.PR_CAPBSET_DROP, unix.CAP_SYS_TIME)},
		{name: "no-random-layout", become: called1(unix.SYS_PERSONALITY, 0x0040000)},
		{name: "dies-with-parent", become: prctl(unix.PR_SET_PDEATHSIG, uintptr(unix.SIGUSR1))},
		{name: "subreaper", become: prctl(unix.PR_SET_CHILD_SUBREAPER, 1)},
		{name: "one-processor", become: oneProcessor},
		{name: "memory-policy", become: memoryPolicy},
		{name: "umask", become: called1(unix.SYS_UMASK, 0o77)},
		{name: "keyring", become: ownKeyring},
		{name: "requested-keys", become: called2(unix.SYS_KEYCTL, setRequestKeyring, 1)},
		{name: "core-filter", become: write("/proc/self/coredump_filter", "0x1")},
		{name: "small-pages", become: prctl(unix.PR_SET_THP_DISABLE, 1)},
		{name: "no-write-and-execute", become: prctl(unix.PR_SET_MDWE, 1), kept: "MDWE"},
		{name: "no-bypass", become: speculation(unix.PR_SPEC_DISABLE), missing: bypassMissing()},
		{name: "no-bypass-for-good", become: speculation(unix.PR_SPEC_FORCE_DISABLE), kept: "speculative store bypass", missing: bypassMissing()},
		{name: "early-kill", become: called3(unix.SYS_PRCTL, unix.PR_MCE_KILL, unix.PR_MCE_KILL_SET, unix.PR_MCE_KILL_EARLY)},
		{name: "filtered", become: filtered, kept: "seccomp filter"},
		{name: "landlocked", become: landlocked, kept: "Landlock", refused: true},
		{name: "signals", become: signals},
		// As with sudo on a host without the capability.
		{name: "no-core", become: lacking(unix.CAP_SYS_RESOURCE, limitedTo(unix.RLIMIT_CORE, 0)), kept: "hard limit of core", locally: "resource limits", refused: true},
		{name: "few-files", become: lacking(unix.CAP_SYS_RESOURCE, limitedTo(unix.RLIMIT_NOFILE, 256)), kept: "hard limit of nofile", locally: "resource limits", refused: true},
		{name: "oom", become: lacking(unix.CAP_SYS_RESOURCE, write("/proc/self/oom_score_adj", "500")), kept: "oom_score_adj", locally: anything},
		{name: "idle-for-good", become: lacking(unix.CAP_SYS_NICE, schedule(unix.SchedAttr{Policy: unix.SCHED_IDLE})), kept: "scheduling", locally: "set the scheduling of the command", refused: true},
	}
}

// everything returns a caller with all attributes that can be reset.
func everything() stranger {
	return stranger{name: "everything", become: func() error {
		for _, s := range strangers() {
			if s.kept != "" || s.missing != "" || s.name == "real-time" || s.name == "round-robin" || s.name == "not-nice" {
				continue
			}
			if err := s.become(); err != nil {
				return fmt.Errorf("%s: %w", s.name, err)
			}
		}
		return nil
	}}
}

// bypassMissing returns why a process cannot control its speculative store bypass, or "" if it can. With
// some processors it cannot, PR_GET_SPECULATION_CTRL in prctl(2).
func bypassMissing() string {
	state, err := unix.PrctlRetInt(unix.PR_GET_SPECULATION_CTRL, unix.PR_SPEC_STORE_BYPASS, 0, 0, 0)
	if err != nil || state&unix.PR_SPEC_PRCTL == 0 {
		return "this machine does not let a process control its speculative store bypass"
	}
	return ""
}

// anything as a stranger's locally means that the answer of --via local varies.
const anything = "anything"

// lacking sets an attribute and then drops a capability.
func lacking(capability uintptr, become func() error) func() error {
	return func() error {
		if err := become(); err != nil {
			return err
		}
		return prctl(unix.PR_CAPBSET_DROP, capability)()
	}
}

func schedule(attr unix.SchedAttr) func() error {
	return func() error {
		attr.Size = unix.SizeofSchedAttr
		return unix.SchedSetAttr(0, &attr, 0)
	}
}

func rawCall(nr uintptr, args ...uintptr) func() error {
	return func() error {
		var six [6]uintptr
		copy(six[:], args)
		if _, _, errno := syscall.RawSyscall6(nr, six[0], six[1], six[2], six[3], six[4], six[5]); errno != 0 {
			return errno
		}
		return nil
	}
}

func called1(nr, a uintptr) func() error       { return rawCall(nr, a) }
func called2(nr, a, b uintptr) func() error    { return rawCall(nr, a, b) }
func called3(nr, a, b, c uintptr) func() error { return rawCall(nr, a, b, c) }

func prctl(option, value uintptr) func() error { return rawCall(unix.SYS_PRCTL, option, value) }

func ioPriority(value uintptr) func() error { return rawCall(unix.SYS_IOPRIO_SET, 1, 0, value) }

func speculation(how uintptr) func() error {
	return rawCall(unix.SYS_PRCTL, unix.PR_SET_SPECULATION_CTRL, unix.PR_SPEC_STORE_BYPASS, how)
}

func write(file, text string) func() error {
	return func() error { return os.WriteFile(file, []byte(text), 0) }
}

func limitedTo(resource int, value uint64) func() error {
	return func() error {
		return unix.Prlimit(0, resource, &unix.Rlimit{Cur: value, Max: value}, nil)
	}
}

func oneProcessor() error {
	var set unix.CPUSet
	set.Set(0)
	return unix.SchedSetaffinity(0, &set)
}

// memoryPolicy restricts memory to the first node, by MPOL_BIND.
func memoryPolicy() error {
	stored[0] = 1
	return rawCall(unix.SYS_SET_MEMPOLICY, 2, address(0), 8)()
}

// ownKeyring joins a new session keyring and adds a key to it.
func ownKeyring() error {
	if _, err := unix.KeyctlJoinSessionKeyring("of-the-caller"); err != nil {
		return err
	}
	_, err := unix.AddKey("user", "secret-of-the-caller", []byte("secret"), unix.KEY_SPEC_SESSION_KEYRING)
	return err
}

// filtered loads a seccomp filter that allows everything.
func filtered() error {
	allow := []unix.SockFilter{{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW}}
	program := unix.SockFprog{Len: 1, Filter: &allow[0]}
	return rawCall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, 0, uintptr(unsafe.Pointer(&program)))()
}

// landlocked enters a Landlock domain that only restricts creating block devices.
func landlocked() error {
	rules := uint64(unix.LANDLOCK_ACCESS_FS_MAKE_BLOCK) // struct landlock_ruleset_attr
	fd, _, errno := syscall.RawSyscall(unix.SYS_LANDLOCK_CREATE_RULESET, uintptr(unsafe.Pointer(&rules)), unsafe.Sizeof(rules), 0)
	if errno != 0 {
		return errno
	}
	if err := prctl(unix.PR_SET_NO_NEW_PRIVS, 1)(); err != nil {
		return err
	}
	return rawCall(unix.SYS_LANDLOCK_RESTRICT_SELF, fd, 0)()
}

// signals blocks all signals but SIGSEGV.
func signals() error {
	set := ^uint64(0) &^ (1 << (unix.SIGSEGV - 1))
	return rawCall(unix.SYS_RT_SIGPROCMASK, unix.SIG_SETMASK, uintptr(unsafe.Pointer(&set)), 0, 8)()
}
