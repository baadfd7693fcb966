package launch

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/procfs"
)

// leaderlessVariable names a directory on which the test program mounts a file system that may not answer. Then it ends its
// main thread, and another one goes on until standard input is closed.
const leaderlessVariable = "NSJOIN_TEST_LAUNCH_LEADERLESS"

// Package initialization runs on the main thread.
var _ = leaveMainThread()

func leaveMainThread() error {
	dir := os.Getenv(leaderlessVariable)
	if dir == "" {
		return nil
	}
	options := "lowerdir=" + dir + "/a:" + dir + "/b"
	if err := unix.Mount("over", dir, "overlay", 0, options); err != nil {
		panic(err)
	}
	go func() {
		_, _ = os.Stdin.Read(make([]byte, 1))
		os.Exit(0)
	}()
	runtime.LockOSThread()
	_, _, errno := unix.Syscall(unix.SYS_EXIT, 0, 0, 0) // ends only this thread
	return errno
}

// The mounts of a process whose main thread has ended are read. Before, it was taken for one that has ended, so that the
// helper replaced the caller's process and waited in it for a file system that did not answer.
func TestSilentMountWithoutMainThread(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Fatal("needs root")
	}
	dir := t.TempDir()
	for _, name := range []string{"a", "b"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = []string{leaderlessVariable + "=" + dir}
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: unix.CLONE_NEWNS}
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		in.Close()
		_ = cmd.Wait()
	}()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		if st, err := procfs.ReadStat(cmd.Process.Pid); err != nil || st.MainEnded() {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("its main thread goes on")
		}
	}
	// The machine may have others in front of it.
	if found := SilentMount(cmd.Process.Pid); !strings.Contains(found, " at /") {
		t.Errorf("%q", found)
	}
}

// A process that has ended has no mounts that anybody waits for.
func TestSilentMountOfAnEndedProcess(t *testing.T) {
	cmd := exec.Command("true")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for st := (procfs.Stat{}); !st.Dead(); time.Sleep(time.Millisecond) {
		st, _ = procfs.ReadStat(cmd.Process.Pid)
	}
	if found := SilentMount(cmd.Process.Pid); found != "" {
		t.Errorf("a zombie: %q", found)
	}
	_ = cmd.Wait()
	if found := SilentMount(cmd.Process.Pid); found != "" {
		t.Errorf("none: %q", found)
	}
}
