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

// message is what the helper's children wrote to its pipe in an earlier version.
type message struct {
	kind, step, value uint32
}

const (
	oldFailed = 1
	oldForked = 4
	oldReady  = 5
	oldMap    = 6
)

// written encodes messages for forgeVariable.
func written(messages ...message) string {
	var b bytes.Buffer
	for _, m := range messages {
		_ = binary.Write(&b, binary.NativeEndian, []uint32{m.kind, m.step, m.value})
	}
	return hex.EncodeToString(b.Bytes())
}

// A container's root with CAP_SYS_PTRACE stops a process of ours and writes to our pipes in its name.
// Whatever it writes, the helper takes no PID from it and does not crash or hang: it ends with an
// error at worst. victim is a process of the host, in a user namespace without ID maps.
func TestHostileRootWhoForges(t *testing.T) {
	engine := engineOfTest(t)
	victim := exec.Command("unshare", "--user", "sleep", "600")
	if err := victim.Start(); err != nil {
		t.Fatal(err)
	}
	over := make(chan struct{})
	go func() { _ = victim.Wait(); close(over) }()
	t.Cleanup(func() { _ = victim.Process.Kill(); <-over })
	pid := uint32(victim.Process.Pid)
	eventually(t, "the victim has a user namespace", func() bool { return len(uidMap(t, pid)) == 0 })
	for _, row := range []struct{ name, words, then string }{
		// Before, the helper killed the victim instead of the child that had ended. With
		// 4294967295 as the victim's PID it killed all processes of the host.
		{"another process has forked", written(message{oldForked, 0, pid}), killed},
		// Before, the helper wrote an ID map for the victim with all IDs, the host's root among them.
		{"another process wants IDs", written(message{oldForked, 0, pid}, message{oldMap, 0, 0}), killed},
		// Before, the helper panicked.
		{"a step out of range", written(message{oldFailed, 1<<31 - 1, 1}), goesOn},
		{"a step before the first", written(message{oldFailed, 1 << 31, 1}), goesOn},
		// Before, the command ran without being verified, with the helper's oom_score_adj.
		{"ready", written(message{oldReady, 0, 0}), goesOn},
		{"ready, then killed", written(message{oldReady, 0, 0}), killed},
		{"one byte", "00", goesOn},
		// Before, the helper waited for space in the pipe when it told the child to continue.
		{"a full pipe", "", goesOn},
	} {
		t.Run(row.name, func(t *testing.T) {
			c := newCaller(t)
			container, saw := forging(t, row.words, row.then)
			if helperIsForeign(engine) {
				forgesNothing(t, c, container, saw)
				return
			}
			for deadline := time.Now().Add(endsWithin); len(saw(t)) < 3; {
				if time.Now().After(deadline) {
					t.Fatal("the forger never wrote")
				}
				said := runForged(t, c.docker("nsjoin", container, "true"))
				select {
				case <-over:
					t.Fatalf("%s: the victim was killed", said)
				default:
				}
				if ids := uidMap(t, pid); len(ids) > 0 {
					t.Fatalf("%s: the victim has an ID map: %s", said, ids)
				}
			}
			first := initOf(t, container)
			eventually(t, "the container has its first process only", func() bool { return len(inPIDNamespaceOf(first)) == 1 })
		})
	}
}

// helperIsForeign reports whether the helper is in another user namespace than the containers. A rootless engine's
// helper is not.
func helperIsForeign(engine testEngine) bool {
	return engine.kinds["userns"] && (!engine.kinds["rootless"] || engine.via != "engine")
}

// runForged runs a command to its end, fails if it panics, and returns its status and message.
func runForged(t *testing.T, cmd *exec.Cmd) string {
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

// forgesNothing checks that the forger never writes to a pipe. In a container with its own user
// namespace it cannot: the kernel lets only a tracer with rights over the host's user namespace open
// the descriptors of a process of ours.
func forgesNothing(t *testing.T, c caller, container string, saw func(*testing.T) []sighting) {
	t.Helper()
	for range 10 {
		if said := runForged(t, c.docker("nsjoin", container, "true")); said != `status 0, ""` {
			t.Errorf("a call: %s", said)
		}
	}
	if len(saw(t)) > 0 {
		t.Error("the forger wrote to a pipe of ours")
	}
}

// uidMap returns a process's UID map, which is empty until one is written.
func uidMap(t *testing.T, pid uint32) string {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/uid_map", pid))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// Whatever is written in the name of a stopped child, ^C and SIGTERM end the call. Before, the
// helper first waited for the child's end, without a time limit.
func TestHostileRootWhoForgesAndStopsUs(t *testing.T) {
	engine := engineOfTest(t)
	for _, sig := range []unix.Signal{unix.SIGINT, unix.SIGTERM} {
		for name, words := range map[string]string{
			"forked": written(message{oldForked, 0, 1}), "ready": written(message{oldReady, 0, 0}), "two bytes": "0101",
		} {
			t.Run(unix.SignalName(sig)+" "+name, func(t *testing.T) {
				c := newCaller(t)
				container, saw := forging(t, words, stopped)
				if helperIsForeign(engine) {
					forgesNothing(t, c, container, saw)
					return
				}
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

// interrupted runs a command and signals it once a condition holds; the command must end.
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
			t.Fatalf("%s does not end the call", unix.SignalName(sig))
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
