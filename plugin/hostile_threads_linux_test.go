package main

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// droppedVariable makes the test program drop the capabilities of its main thread only.
const droppedVariable = "NSJOIN_TEST_DROPPED"

// Package initialization runs on the main thread.
var _ = dropOnMainThread()

func dropOnMainThread() bool {
	if os.Getenv(droppedVariable) == "" {
		return false
	}
	runtime.LockOSThread()
	var err error
	for capability := uintptr(0); err == nil; capability++ {
		err = unix.Prctl(unix.PR_CAPBSET_DROP, capability, 0, 0, 0)
	}
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var none [2]unix.CapUserData
	if err = unix.Capset(&header, &none[0]); err != nil {
		panic(err)
	}
	for {
		time.Sleep(time.Hour)
	}
}

// Planning checks all threads that can see a command on the host. Before, it checked only the main
// thread of a process: the container's root dropped that thread's capabilities, or ended it, and opened
// the host's root directory from another thread, which still had CAP_SYS_PTRACE.
func TestHostileThreads(t *testing.T) {
	engine := engineOfTest(t)
	if host, err := engine.condition("host"); err != nil || !host {
		t.Skip("it reads the engine's processes")
	}
	if remapped, err := engine.condition("engine:userns"); err != nil || remapped {
		t.Skip("a container's capabilities do not apply to the host's processes")
	}
	for _, variable := range []string{droppedVariable, leaderlessVariable} {
		c := newCaller(t)
		web := c.containerWithProgram(t, "/hides-"+variable, testProgram(t), "-e", variable+"=1", "--cap-add", "SYS_PTRACE")
		pid := initPID(t, web)
		t.Cleanup(func() { _ = unix.Kill(pid, unix.SIGKILL) })
		eventually(t, "its main thread has no capabilities", func() bool {
			p, _ := readProcess(pid)
			return p.state == "Z" || statusField(fmt.Sprintf("/proc/%d/status", pid), "CapPrm") == "0000000000000000"
		})
		// The hint also names other containers with SYS_PTRACE.
		want := "docker nsjoin: pid of pid:N: processes there can open the host's files through the command\n" +
			"hint: leave pid out (--only net joins only the network), or add --trust-container if you trust the processes of pid:N"
		if got := c.refuses(t, "nsjoin", "--only", "pid", fmt.Sprintf("pid:%d", pid), "true"); !strings.HasPrefix(got, want) {
			t.Errorf("%s: stderr %q", variable, got)
		}
	}
}
