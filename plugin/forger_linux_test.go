package main

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// forgeVariable turns the test program into a forger: the first process of a container, with
// root's rights there and CAP_SYS_PTRACE. It stops each of our processes before it executes the
// command, and writes to all pipes that the process holds. The value is what it writes, in
// hexadecimal digits, or nothing to fill the pipe; a colon; and what it then does to the process.
const forgeVariable = "NSJOIN_TEST_FORGE"

// What a forger does to a process of ours after writing.
const (
	goesOn  = "goes on"
	killed  = "killed"
	stopped = "stopped"
)

// forged is the Exe of a sighting that reports a write.
const forged = "forged"

// TestForger is not a test: it runs in the container and never ends.
func TestForger(*testing.T) {
	text, then, found := strings.Cut(os.Getenv(forgeVariable), ":")
	if !found {
		return
	}
	words, err := hex.DecodeString(text)
	if err != nil {
		panic(err)
	}
	if len(words) == 0 {
		words = make([]byte, 1<<20)
	}
	out := json.NewEncoder(os.Stdout)
	fmt.Println("ready")
	for seen := make(map[string]bool); ; {
		dirs, _ := filepath.Glob("/proc/[0-9]*")
		for _, dir := range dirs {
			pid, _ := strconv.Atoi(filepath.Base(dir))
			if pid == 1 || seen[dir] {
				continue
			}
			seen[dir] = true
			if forge(dir, pid, words, then) {
				_ = out.Encode(sighting{Exe: forged})
			}
		}
		for dir := range seen {
			if _, err := os.Stat(dir); err != nil {
				delete(seen, dir)
			}
		}
	}
}

// forge writes to the pipes of a process of ours, and reports whether a write succeeded.
func forge(dir string, pid int, words []byte, then string) (did bool) {
	_ = unix.Kill(pid, unix.SIGSTOP)
	for fd := 3; fd < 64 && ours(dir); fd++ {
		pipe, err := unix.Open(fmt.Sprintf("%s/fd/%d", dir, fd), unix.O_WRONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
		if err != nil {
			continue
		}
		n, _ := unix.Write(pipe, words)
		did = did || n > 0
		unix.Close(pipe)
	}
	switch {
	case !did || then == goesOn:
		_ = unix.Kill(pid, unix.SIGCONT)
	case then == killed:
		_ = unix.Kill(pid, unix.SIGKILL)
	}
	return did
}
