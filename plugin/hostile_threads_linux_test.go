package main

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// droppedVariable makes the test's own program one whose main thread has no capabilities, and its others do.
const droppedVariable = "NSJOIN_TEST_DROPPED"

// What initializes a package runs on the main thread.
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

// Who sees a command on the host is judged by all threads there. Before, the main thread alone was
// looked at: the container's root dropped its capabilities there, or had it end, and opened the host's root
// directory by another one, whose CAP_SYS_PTRACE nobody had seen.
func TestHostileThreads(t *testing.T) {
	engine := engineOfTest(t)
	if host, err := engine.condition("host"); err != nil || !host {
		t.Skip("it looks at the engine's processes")
	}
	if remapped, err := engine.condition("engine:userns"); err != nil || remapped {
		t.Skip("a container's capabilities are none over the host's processes")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, variable := range []string{droppedVariable, leaderlessVariable} {
		c := newCaller(t)
		web := c.containerOf(t, "/hides-"+variable, self, "-e", variable+"=1", "--cap-add", "SYS_PTRACE")
		pid, _ := strconv.Atoi(docker(t, "inspect", "-f", "{{.State.Pid}}", web))
		t.Cleanup(func() { _ = unix.Kill(pid, unix.SIGKILL) })
		eventually(t, "its main thread has no capabilities", func() bool {
			p, _ := readProcess(pid)
			return p.state == "Z" || statusOfProcess(fmt.Sprintf("/proc/%d/status", pid), "CapPrm") == "0000000000000000"
		})
		want := "docker nsjoin: pid of pid:N: processes there can open the host's files through the command\n" +
			"hint: leave pid out (--only net takes the network alone), or trust pid:N with the host: --trust-container\n"
		if got := c.refuses(t, "nsjoin", "--only", "pid", fmt.Sprintf("pid:%d", pid), "true"); got != want {
			t.Errorf("%s: it says %q", variable, got)
		}
	}
}
