//go:build linux

package main

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// stormVariable makes the test's own program a storm of processes: see TestStormOfProcesses.
const stormVariable = "NSJOIN_TEST_STORM"

const (
	stormSize = 10_000
	stormLine = 1 << 20 // bytes of a command line that all processes share
	stormEnds = 3 * time.Minute
)

// TestStormOfProcesses is no test: it runs in the container of TestHostileStorm, and ends
// by itself. Each process is a fork, which shares the memory of its command line with all
// others; has a name that a terminal obeys; and is in two namespaces of its own.
func TestStormOfProcesses(t *testing.T) {
	switch os.Getenv(stormVariable) {
	case "":
		return
	case "begin":
		args := append(os.Args, "--")
		for range stormLine / 1024 {
			args = append(args, "\x1b[2J"+strings.Repeat("x", 1019))
		}
		t.Fatal(unix.Exec("/attacker", args, []string{stormVariable + "=go on", "GOMAXPROCS=1"}))
	}
	runtime.LockOSThread()
	runtime.GC() // so that there is little to copy
	for i := range stormSize {
		if err := forkHostile(); err != 0 {
			fmt.Println("process", i, err)
			break
		}
	}
	fmt.Println("ready")
	time.Sleep(stormEnds) // the end of the first process is the end of all
}

// forkHostile starts a process that only waits. Go's runtime can't be used in it.
func forkHostile() unix.Errno {
	name := [16]byte{0x1b, '[', '2', 'J', '\n', ')', ' ', '(', 0xe2, 0x80, 0xae}
	pid, _, err := unix.RawSyscall(unix.SYS_CLONE, uintptr(unix.SIGCHLD), 0, 0)
	if err != 0 || pid != 0 {
		return err
	}
	_, _, _ = unix.RawSyscall(unix.SYS_UNSHARE, unix.CLONE_NEWUTS|unix.CLONE_NEWCGROUP, 0, 0)
	_, _, _ = unix.RawSyscall(unix.SYS_PRCTL, unix.PR_SET_NAME, uintptr(unsafe.Pointer(&name)), 0)
	for {
		_, _, _ = unix.RawSyscall6(unix.SYS_PPOLL, 0, 0, 0, 0, 0, 0)
	}
}
