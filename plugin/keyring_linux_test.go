package main

import (
	"bufio"
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

// quotaVariable makes TestUsesUpKeys a process of TestHostileKeyQuota.
const quotaVariable = "NSJOIN_TEST_USES_UP_KEYS"

// TestUsesUpKeys adds keys until its user may have no more.
func TestUsesUpKeys(t *testing.T) {
	if os.Getenv(quotaVariable) == "" {
		t.Skip("it is started by another test")
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

// A process in a user namespace has used up the keys of its user, so that no new session keyring can be
// made there. Before, the command had the caller's then, and could read what is in it.
func TestHostileKeyQuota(t *testing.T) {
	if os.Geteuid() != 0 || os.Getenv(viaVariable) == "engine" {
		t.Skip("by the engine nothing of the caller's is there; and it takes root")
	}
	const user = 1_234_567_890 // nobody's
	cmd := exec.Command("/proc/self/exe", "-test.run=^TestUsesUpKeys$")
	cmd.Env = append(os.Environ(), quotaVariable+"=1")
	ids := []syscall.SysProcIDMap{{HostID: user, Size: 1}}
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: unix.CLONE_NEWUSER | unix.CLONE_NEWNS, UidMappings: ids, GidMappings: ids,
		Credential: &syscall.Credential{},
	}
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
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
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "used up\n" {
		t.Fatalf("it says %q: %v", line, err)
	}
	// Who has none gets one beyond the quota. It is of a thread, which ends with this test.
	runtime.LockOSThread()
	if _, err := unix.KeyctlJoinSessionKeyring("nsjoin-test"); err != nil {
		t.Fatal(err)
	}
	c := newCaller(t)
	want := "docker nsjoin: new session keyring: disk quota exceeded\n"
	if got := c.refuses(t, "nsjoin", "--via", "local", fmt.Sprintf("pid:%d", cmd.Process.Pid), "true"); got != want {
		t.Errorf("it says %q, want %q", got, want)
	}
}
