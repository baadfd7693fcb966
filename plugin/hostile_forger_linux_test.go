package main

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// message is what the helper's children once wrote to the pipe that it read.
type message struct {
	kind, step, value uint32
}

const (
	oldFailed = 1
	oldForked = 4
	oldReady  = 5
	oldMap    = 6
)

func written(messages ...message) string {
	var b bytes.Buffer
	for _, m := range messages {
		_ = binary.Write(&b, binary.NativeEndian, []uint32{m.kind, m.step, m.value})
	}
	return hex.EncodeToString(b.Bytes())
}

// A container's root that may trace writes to our pipes in the name of a process of ours that it has
// stopped. Nothing that it writes names a process, ends the helper otherwise than by an error, or
// keeps it. victim is a process of the host's, in a user namespace without ids.
func TestHostileRootWhoForges(t *testing.T) {
	engineOfTest(t)
	victim := exec.Command("unshare", "--user", "sleep", "600")
	if err := victim.Start(); err != nil {
		t.Fatal(err)
	}
	over := make(chan struct{})
	go func() { _ = victim.Wait(); close(over) }()
	t.Cleanup(func() { _ = victim.Process.Kill(); <-over })
	pid := uint32(victim.Process.Pid)
	eventually(t, "the victim has a namespace", func() bool { return len(mapOf(t, pid)) == 0 })
	for _, row := range []struct{ name, words, then string }{
		// The helper waited for the child, which was dead, and killed the victim in its place. With
		// 4294967295 for the victim it killed all of the host's processes.
		{"another process has forked", written(message{oldForked, 0, pid}), killed},
		// It wrote a map of all ids for the victim, and root of the host's to itself.
		{"another process wants ids", written(message{oldForked, 0, pid}, message{oldMap, 0, 0}), killed},
		// It panicked.
		{"a step out of range", written(message{oldFailed, 1<<31 - 1, 1}), goesOn},
		{"a step before the first", written(message{oldFailed, 1 << 31, 1}), goesOn},
		// The command ran before it was verified, and had the helper's oom_score_adj.
		{"ready", written(message{oldReady, 0, 0}), goesOn},
		{"ready, and dead", written(message{oldReady, 0, 0}), killed},
		{"one byte", "00", goesOn},
		// The helper's word to go on waited for a place in the pipe.
		{"as much as a pipe holds", "", goesOn},
	} {
		t.Run(row.name, func(t *testing.T) {
			c := newCaller(t)
			container, saw := forging(t, row.words, row.then)
			for deadline := time.Now().Add(endsWithin); len(saw(t)) < 3; {
				if time.Now().After(deadline) {
					t.Fatal("the forger never wrote")
				}
				said := callOfTheForged(t, c.docker("nsjoin", container, "true"))
				select {
				case <-over:
					t.Fatalf("%s: the victim is dead", said)
				default:
				}
				if ids := mapOf(t, pid); len(ids) > 0 {
					t.Fatalf("%s: the victim has ids: %s", said, ids)
				}
			}
			first := initOf(t, container)
			eventually(t, "the container has its first process only", func() bool { return len(inPIDNamespaceOf(first)) == 1 })
		})
	}
}

// callOfTheForged runs a command to its end, and returns what the call says, which is no panic.
func callOfTheForged(t *testing.T, cmd *exec.Cmd) string {
	t.Helper()
	var errs bytes.Buffer
	cmd.Stderr = &errs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	status := ended(t, cmd)
	if strings.Contains(errs.String(), "goroutine") || strings.Count(errs.String(), "\n") > 2 {
		t.Fatalf("status %d: %s", status, errs.String())
	}
	return fmt.Sprintf("status %d, %q", status, errs.String())
}

// mapOf is a process's map of user ids; of none but the host's own it is empty.
func mapOf(t *testing.T, pid uint32) string {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/uid_map", pid))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// Whatever a child that is stopped is made to say, ^C and SIGTERM end the call. The helper
// waited for the child's end first, without a limit.
func TestHostileRootWhoForgesAndStopsUs(t *testing.T) {
	engineOfTest(t)
	for _, sig := range []unix.Signal{unix.SIGINT, unix.SIGTERM} {
		for name, words := range map[string]string{
			"forked": written(message{oldForked, 0, 1}), "ready": written(message{oldReady, 0, 0}), "two bytes": "0101",
		} {
			t.Run(unix.SignalName(sig)+" "+name, func(t *testing.T) {
				c := newCaller(t)
				container, saw := forging(t, words, stopped)
				for deadline := time.Now().Add(endsWithin); len(saw(t)) == 0; {
					if time.Now().After(deadline) {
						t.Fatal("the forger never wrote")
					}
					interrupted(t, c.docker("nsjoin", container, "true"), sig, func() bool { return len(saw(t)) > 0 })
				}
				first := initOf(t, container)
				eventually(t, "the container has its first process only", func() bool { return len(inPIDNamespaceOf(first)) == 1 })
			})
		}
	}
}

// interrupted runs a command, which gets a signal once something is so, and must end.
func interrupted(t *testing.T, cmd *exec.Cmd, sig unix.Signal, is func() bool) {
	t.Helper()
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	over := make(chan struct{})
	go func() { _ = cmd.Wait(); close(over) }()
	for late := time.After(endsWithin); ; {
		select {
		case <-over:
			return
		case <-late:
			_ = unix.Kill(-cmd.Process.Pid, unix.SIGKILL)
			t.Fatalf("%s doesn't end it", unix.SignalName(sig))
		case <-time.After(100 * time.Millisecond):
			if is() {
				_ = unix.Kill(-cmd.Process.Pid, sig)
			}
		}
	}
}

// forging starts a container whose first process is the forger.
func forging(t *testing.T, words, then string) (container string, saw func(*testing.T) []sighting) {
	t.Helper()
	return hostileContainer(t, "^TestForger$", "--cap-add", "SYS_PTRACE", "-e", forgeVariable+"="+words+":"+then)
}
