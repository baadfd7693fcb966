package main

import (
	"os"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestClientWhoseReaderIsStopped ends a command with --via engine whose output is not read. The engine
// would keep the helper container until it is.
func TestClientWhoseReaderIsStopped(t *testing.T) {
	t.Parallel()
	c := newCaller(t)
	web := c.container(t)
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer read.Close()
	cmd := c.docker("nsjoin", "--via", "engine", web, "sh", "-c", "echo ready >&2; until test -e /tmp/go; do sleep 0.05; done; exec yes")
	errs := &safeBytes{}
	cmd.Stdout, cmd.Stderr = write, errs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	write.Close()
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	eventually(t, "the command runs", func() bool { return strings.Contains(string(errs.bytes()), "ready") })
	inside(t, web, "touch", "/tmp/go")
	full, err := unix.FcntlInt(read.Fd(), unix.F_GETPIPE_SZ, 0)
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "nothing more can be written", func() bool {
		n, err := unix.IoctlGetUint32(int(read.Fd()), unix.TIOCINQ)
		return err == nil && int(n) == full
	})
	// All buffers in between are full too once the command has not written for a while.
	first, before, same := initOf(t, web), "", 0
	eventually(t, "the command waits for its reader", func() bool {
		now := writtenBeside(first)
		if same++; now != before {
			before, same = now, 0
		}
		return same == 20 && now != ""
	})
	if err := cmd.Process.Signal(unix.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if status := ended(t, cmd); status != 128+int(unix.SIGTERM) {
		t.Errorf("exit status %d, stderr %q", status, errs.bytes())
	}
	nothingIsLeft(t, web)
	eventually(t, "no helper container is left", func() bool { return len(c.helpers(t)) == 0 })
}

// writtenBeside returns /proc/PID/io of the newest process in the PID namespace of first, or "" if there
// is no other process.
func writtenBeside(first string) string {
	list := inPIDNamespaceOf(first)
	if len(list) < 2 {
		return ""
	}
	text, _ := os.ReadFile("/proc/" + strconv.Itoa(list[len(list)-1].pid) + "/io")
	return string(text)
}
