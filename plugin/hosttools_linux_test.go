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

// traceVariable has TestDebugger debug the process of that number.
const traceVariable = "NSJOIN_TEST_DEBUG"

// A debugger of the host's attaches to a container's process by the number that it has there, and
// finds its program, memory and descriptors by it in /proc, as gdb and strace do. It was another process's.
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
			t.Errorf("%v: %v, %q is not in\n%s", kinds, err, want, out)
		}
	}
}

// TestDebugger is the debugger.
func TestDebugger(t *testing.T) {
	pid, err := strconv.Atoi(os.Getenv(traceVariable))
	if err != nil {
		t.Skip("TestHostTools runs it in a container's pid namespace")
	}
	runtime.LockOSThread() // which traces
	if err := unix.PtraceSeize(pid); err != nil {
		t.Fatal(err)
	}
	if err := unix.PtraceInterrupt(pid); err != nil {
		t.Fatal(err)
	}
	var status unix.WaitStatus
	if stopped, err := unix.Wait4(pid, &status, unix.WALL, nil); err != nil || stopped != pid || !status.Stopped() {
		t.Fatalf("waiting tells of %d, %#x, %v", stopped, int(status), err)
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
