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

// stormVariable makes the test program start 10,000 processes: see TestStormOfProcesses.
const stormVariable = "NSJOIN_TEST_STORM"

const (
	stormSize = 10_000
	stormLine = 1 << 20 // bytes of the command line that all processes share
	stormEnds = 3 * time.Minute
)

// TestStormOfProcesses is not a test: it runs in the container of TestHostileStorm, and ends
// by itself. Each process is a fork that shares the memory of its command line with all
// others, has a name with terminal control sequences, and has two namespaces of its own.
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
	runtime.GC() // leaves little memory to copy
	for i := range stormSize {
		if err := forkHostile(); err != 0 {
			fmt.Println("process", i, err)
			break
		}
	}
	fmt.Println("ready")
	time.Sleep(stormEnds) // when the first process ends, all do
}

// forkHostile starts a process that only waits. The Go runtime does not work in it.
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
