package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// quotaVariable makes the test program use up its user's keys: see TestUsesUpKeys.
const quotaVariable = "NSJOIN_TEST_USES_UP_KEYS"

// TestUsesUpKeys is not a test: it adds keys until its user's quota is used up.
func TestUsesUpKeys(t *testing.T) {
	if os.Getenv(quotaVariable) == "" {
		t.Skip("TestHostileKeyQuota starts it")
	}
	for i := 0; ; i++ {
		_, err := unix.AddKey("user", fmt.Sprint("nsjoin-", i), []byte("x"), unix.KEY_SPEC_USER_KEYRING)
		if errors.Is(err, unix.EDQUOT) {
			break
		}
		if err != nil {
			fmt.Println(err)
			return
		}
	}
	fmt.Println("used up")
	_, _ = io.Copy(io.Discard, os.Stdin) // until the other end is closed
}

// A process in a user namespace has used up its user's key quota, so that a command cannot get a new session
// keyring there. Before, the command kept the caller's keyring and could read its keys.
func TestHostileKeyQuota(t *testing.T) {
	if os.Geteuid() != 0 || os.Getenv(viaVariable) == "engine" {
		t.Skip("it needs root, and a command that is a child of the caller")
	}
	const user = 1_234_567_890 // no other process has it
	cmd := exec.Command("/proc/self/exe", "-test.run=^TestUsesUpKeys$")
	cmd.Env = append(os.Environ(), quotaVariable+"=1")
	ids := []syscall.SysProcIDMap{{HostID: user, Size: 1}}
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: unix.CLONE_NEWUSER | unix.CLONE_NEWNS, UidMappings: ids, GidMappings: ids,
		Credential: &syscall.Credential{},
	}
	startWaiting(t, cmd, "used up")
	// A caller without a session keyring would get one despite the quota. This one belongs to a thread,
	// which ends with the test.
	runtime.LockOSThread()
	if _, err := unix.KeyctlJoinSessionKeyring("nsjoin-test"); err != nil {
		t.Fatal(err)
	}
	c := newCaller(t)
	want := "docker nsjoin: join \"pid:N\": make a new session keyring: disk quota exceeded\n"
	if got := c.refuses(t, "nsjoin", "--via", "local", fmt.Sprintf("pid:%d", cmd.Process.Pid), "true"); got != want {
		t.Errorf("stderr %q, want %q", got, want)
	}
}
