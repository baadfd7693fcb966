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

// keepVariable turns the test program into a tracer that keeps a zombie: see TestKeeper.
const keepVariable = "NSJOIN_TEST_KEEP"

// kept is the command line that the tracer looks for.
const kept = "sleep\x007331\x00"

// TestKeeper is not a test: it runs in a container and never ends. It traces a command, kills it,
// and never waits for it. Until the tracer does, waitid(2) does not report the end to the parent.
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

// A process of a default container that traces the command can keep its parent from learning that
// it has ended. Before, the call lasted as long, whether its client got ^C, SIGTERM or SIGKILL.
func TestHostileTracerKeepsAZombie(t *testing.T) {
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
				t.Error("the tracer never found the command")
			}
		})
	}
}
