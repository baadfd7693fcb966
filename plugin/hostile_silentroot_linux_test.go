//go:build linux

package main

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// chrootVariable makes the test program a container's first process whose root directory is on a file system that does not
// answer.
const chrootVariable = "NSJOIN_TEST_CHROOT"

// TestChroots is not a test: it runs in the container and never ends.
func TestChroots(*testing.T) {
	if os.Getenv(chrootVariable) == "" {
		return
	}
	fmt.Println("ready")
	for {
		if _, err := os.Stat("/go"); err == nil {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	if err := unix.Chroot("/silent"); err != nil {
		panic(err)
	}
	fmt.Println("changed")
	time.Sleep(time.Hour)
}

// A process of the container has its root directory on a file system that does not answer. A command on the host's file
// system in its pid namespace starts all the same. Before, planning asked the file system for that directory, and did not
// end until the server answered.
func TestSilentFilesAreTheRootOfAProcess(t *testing.T) {
	engine := engineOfTest(t)
	if engine.kinds["rootless"] || !onHost() {
		t.Skip("the file system is mounted in the container from this machine")
	}
	c := newCaller(t)
	web, _ := hostileContainer(t, "^TestChroots$", "-e", chrootVariable+"=1")
	inside(t, web, "mkdir", "-p", "/silent")
	s := silentMount(t, web, "/silent", false)
	defer s.end()
	s.mute.Store(false)
	inside(t, web, "touch", "/go")
	eventually(t, "the root directory is changed", func() bool { return strings.Contains(docker(t, "logs", web), "changed") })
	s.mute.Store(true)
	for len(s.asked) > 0 {
		<-s.asked
	}
	cmd := c.docker("nsjoin", "--only", "pid", "--trust-container", web, "true")
	errs := &safeBytes{}
	cmd.Stderr = errs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if status := ended(t, cmd); status != 0 || s.taken() {
		t.Errorf("status %d, the file system was asked: %t; %s", status, s.taken(), errs.bytes())
	}
}
