//go:build linux

package main

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// attributesVariable makes the test program print the attributes of its process: see
// TestAttributes.
const attributesVariable = "NSJOIN_TEST_ATTRIBUTES"

// TestAttributes is not a test: it runs in a container and prints the attributes that its process
// was started with.
func TestAttributes(*testing.T) {
	if os.Getenv(attributesVariable) == "" {
		return
	}
	for _, line := range attributes() {
		fmt.Println(line)
	}
}

// Operations and arguments of keyctl(2) and prctl(2) that package unix lacks.
const (
	setRequestKeyring = 14 // KEYCTL_SET_REQKEY_KEYRING
	keepRequestDest   = ^uintptr(0)
	speculationL1D    = 2 // PR_SPEC_L1D_FLUSH
)

// attributes returns those of the main thread, which has what the process was started with.
func attributes() []string {
	var lines []string
	say := func(name string, value ...any) { lines = append(lines, name+": "+fmt.Sprint(value...)) }
	pid := os.Getpid()
	attr, err := unix.SchedGetAttr(pid, 0)
	if err == nil {
		say("scheduling", fmt.Sprintf("policy %d flags %#x nice %d priority %d runtime %d deadline %d period %d",
			attr.Policy, attr.Flags, attr.Nice, attr.Priority, attr.Runtime, attr.Deadline, attr.Period))
	} else {
		say("scheduling", err)
	}
	say("i/o priority", called(unix.SYS_IOPRIO_GET, 1, uintptr(pid)))
	for _, row := range []struct {
		name   string
		option uintptr
		arg    uintptr
	}{
		{"securebits", unix.PR_GET_SECUREBITS, 0},
		{"no_new_privs", unix.PR_GET_NO_NEW_PRIVS, 0},
		{"dumpable", unix.PR_GET_DUMPABLE, 0},
		{"child subreaper", unix.PR_GET_CHILD_SUBREAPER, address(0)},
		{"parent-death signal", unix.PR_GET_PDEATHSIG, address(1)},
		{"time stamp counter", unix.PR_GET_TSC, address(2)},
		{"huge pages off", unix.PR_GET_THP_DISABLE, 0},
		{"i/o flusher", unix.PR_GET_IO_FLUSHER, 0},
		{"merged memory", unix.PR_GET_MEMORY_MERGE, 0},
		{"no write and execute", unix.PR_GET_MDWE, 0},
		{"memory failures", unix.PR_MCE_KILL_GET, 0},
		{"speculative store bypass", unix.PR_GET_SPECULATION_CTRL, unix.PR_SPEC_STORE_BYPASS},
		{"indirect branch speculation", unix.PR_GET_SPECULATION_CTRL, unix.PR_SPEC_INDIRECT_BRANCH},
		{"flush of the L1D cache", unix.PR_GET_SPECULATION_CTRL, speculationL1D},
		{"timer slack", unix.PR_GET_TIMERSLACK, 0},
		{"its default is chosen", unix.PR_SET_TIMERSLACK, 0},
		{"its default", unix.PR_GET_TIMERSLACK, 0},
	} {
		say(row.name, called(unix.SYS_PRCTL, row.option, row.arg, 0, 0, 0))
	}
	say("subreaper, death signal, tsc", stored)
	say("memory policy", called(unix.SYS_GET_MEMPOLICY, address(3), 0, 0, 0, 0), " ", stored[3])
	say("keyring for requested keys", called(unix.SYS_KEYCTL, setRequestKeyring, keepRequestDest))
	ring, err := unix.KeyctlString(unix.KEYCTL_DESCRIBE, unix.KEY_SPEC_SESSION_KEYRING)
	say("session keyring", ring, " ", err)
	say("ids", fmt.Sprint(unix.Getpgrp() == pid, sid(0) == pid))
	return append(lines, filesOfSelf()...)
}

// filesOfSelf returns the lines of those files of /proc/self that do not vary between runs.
func filesOfSelf() []string {
	var lines []string
	for _, name := range []string{"status", "limits", "cgroup", "oom_score_adj", "personality", "coredump_filter", "cpuset"} {
		text, err := os.ReadFile("/proc/self/" + name)
		for line := range strings.Lines(masked(string(text))) {
			// The Go runtime changes signals and threads.
			if field, _, _ := strings.Cut(line, ":"); field != "Threads" && field != "SigCgt" && field != "SigBlk" && field != "SigPnd" && field != "Cpus_allowed" {
				lines = append(lines, name+": "+strings.TrimSpace(line))
			}
		}
		if err != nil {
			lines = append(lines, name+": "+err.Error())
		}
	}
	return lines
}

// stored is where some of the calls store their results.
var stored [4]int32

func address(i int) uintptr { return uintptr(unsafe.Pointer(&stored[i])) }

func sid(pid int) int {
	n, _ := unix.Getsid(pid)
	return n
}

// called returns the result of a system call as text, or its error.
func called(nr uintptr, args ...uintptr) string {
	var six [6]uintptr
	copy(six[:], args)
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	r, _, errno := syscall.Syscall6(nr, six[0], six[1], six[2], six[3], six[4], six[5])
	if errno != 0 {
		return errno.Error()
	}
	return fmt.Sprint(r)
}
