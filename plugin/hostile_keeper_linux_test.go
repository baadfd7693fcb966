package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// keepVariable has TestKeeper keep what ends.
const keepVariable = "NSJOIN_TEST_KEEP"

// kept is the command that it looks for.
const kept = "sleep\x007331\x00"

// TestKeeper is no test: it runs in a container and never ends. It traces a command, kills it, and
// never waits for it: until the tracer does, waitid(2) tells the parent of no end.
func TestKeeper(*testing.T) {
	if os.Getenv(keepVariable) == "" {
		return
	}
	runtime.LockOSThread() // a tracer is a thread
	fmt.Println("ready")
	for {
		names, _ := filepath.Glob("/proc/[0-9]*/cmdline")
		for _, name := range names {
			pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(name)))
			line, _ := os.ReadFile(name)
			if !bytes.Equal(line, []byte(kept)) || unix.PtraceSeize(pid) != nil || unix.Kill(pid, unix.SIGKILL) != nil {
				continue
			}
			_ = json.NewEncoder(os.Stdout).Encode(sighting{Exe: held, Traced: true})
			select {}
		}
		time.Sleep(time.Millisecond)
	}
}

// A process of a default container that traces the command can keep it from being waited for when
// it has ended. The call went on for as long as that, through ^C, SIGTERM and SIGKILL of its client.
func TestHostileTracerWhoKeepsTheDead(t *testing.T) {
	engineOfTest(t)
	for _, way := range []string{"local", "engine"} {
		t.Run(way, func(t *testing.T) {
			c := newCaller(t)
			container, saw := hostileContainer(t, "^TestKeeper$", "-e", keepVariable+"=1")
			cmd := c.docker("nsjoin", "--via", way, container, "sleep", "7331")
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			if status := ended(t, cmd); status != 128+int(unix.SIGKILL) {
				t.Errorf("status %d", status)
			}
			if len(saw(t)) == 0 {
				t.Error("the tracer never got the command")
			}
		})
	}
}
