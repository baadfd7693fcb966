//go:build linux

package main

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// traceVariable is a variable with the PID of the process that TestDebugger traces.
const traceVariable = "NSJOIN_TEST_DEBUG"

// A debugger of the host attaches to a container's process by its PID in the container, and finds its
// program and memory under that PID in /proc, as gdb and strace do. Before, /proc showed another process.
func TestHostTools(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := newCaller(t)
	web := c.container(t)
	exe := docker(t, "exec", web, "readlink", "/proc/1/exe")
	for _, kinds := range [][]string{{"--except", "mnt"}, {"--only", "pid"}} {
		args := append(append([]string{"nsjoin"}, kinds...), web, "env", traceVariable+"=1", self, "-test.run=^TestDebugger$", "-test.v")
		out, err := c.docker(args...).CombinedOutput()
		if want := "stopped 1, its program is " + exe + " and begins with 7f454c46\n"; err != nil || !strings.Contains(string(out), want) {
			t.Errorf("%v: %v, no %q in\n%s", kinds, err, want, out)
		}
	}
}

// TestDebugger is not a test: it is the debugger that TestHostTools starts.
func TestDebugger(t *testing.T) {
	pid, err := strconv.Atoi(os.Getenv(traceVariable))
	if err != nil {
		t.Skip("TestHostTools runs it in a container's PID namespace")
	}
	runtime.LockOSThread() // a tracer is a thread
	if err := unix.PtraceSeize(pid); err != nil {
		t.Fatal(err)
	}
	if err := unix.PtraceInterrupt(pid); err != nil {
		t.Fatal(err)
	}
	var status unix.WaitStatus
	if stopped, err := unix.Wait4(pid, &status, unix.WALL, nil); err != nil || stopped != pid || !status.Stopped() {
		t.Fatalf("wait4 returns %d, status %#x, %v", stopped, int(status), err)
	}
	exe, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", pid))
	if err != nil {
		t.Fatal(err)
	}
	maps, err := os.ReadFile(fmt.Sprintf("/proc/%d/maps", pid))
	if err != nil {
		t.Fatal(err)
	}
	first, _, _ := strings.Cut(string(maps), "-")
	at, err := strconv.ParseUint(first, 16, 64)
	if err != nil {
		t.Fatal(err)
	}
	var word [4]byte
	if _, err := unix.PtracePeekData(pid, uintptr(at), word[:]); err != nil {
		t.Fatal(err)
	}
	fmt.Printf("stopped %d, its program is %s and begins with %x\n", pid, exe, word)
	if err := unix.PtraceDetach(pid); err != nil {
		t.Fatal(err)
	}
}
