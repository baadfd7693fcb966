//go:build linux

package observe

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A process that waits until a listener of fanotify permits it to open a file is told from a slow one. A container with
// SYS_ADMIN can be such a listener. Before, a detached command waited for it without a limit.
func TestProcessThatWaitsForPermission(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	listener, err := unix.FanotifyInit(unix.FAN_CLASS_CONTENT|unix.FAN_CLOEXEC, unix.O_RDONLY)
	if err != nil {
		t.Skip("this process may not listen: ", err)
	}
	defer unix.Close(listener) // permits everything that waits
	if err := unix.FanotifyMark(listener, unix.FAN_MARK_ADD, unix.FAN_OPEN_PERM, unix.AT_FDCWD, path); err != nil {
		t.Skip("the kernel does not ask for permissions: ", err)
	}
	cmd := exec.Command("cat", path)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}()
	if Asks(os.Getpid()) {
		t.Error("this process waits for nothing")
	}
	// The listener gets the question before the process sleeps.
	if _, err := unix.Poll([]unix.PollFd{{Fd: int32(listener), Events: unix.POLLIN}}, -1); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(time.Minute); !Asks(cmd.Process.Pid); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("its wait is not noticed")
		}
	}
}
