//go:build linux

package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"
)

// mountIntrudeVariable turns the test program into an intruder that attacks mounts into its container while they are
// made: see TestMountIntruder. Its value is a directory of the host that the intruder leads sources to.
const mountIntrudeVariable = "NSJOIN_TEST_INTRUDE_MOUNT"

// sessionVariable restricts an intruder that sees the host's processes to those of a session, so that it leaves other
// users of the machine alone.
const sessionVariable = "NSJOIN_TEST_INTRUDE_SESSION"

// sourceVariable makes the intruder attack the source on the host, too.
const sourceVariable = "NSJOIN_TEST_INTRUDE_SOURCE"

// Where the intruder attacks, in its container. The source of the host is in mountShared.
const (
	mountTarget = "/tmp/t/a/b" // a directory
	mountFile   = "/tmp/t/a/f"
	mountFrom   = "/tmp/from/src"
	mountShared = "/shared"
	mountStop   = mountShared + "/stop" // makes the intruders end
	// secretMarker is in each directory that a mount must not show.
	secretMarker = "secret-marker"
)

// mountLoot is what an intruder got.
type mountLoot struct {
	Ready  bool
	Rounds int  // of moving files, at the end
	Child  bool // Process is a child of a helper
	// Process is what it got from a process of ours; nil for none.
	Process *loot
	Secret  string // where it found the marker
}

// TestMountIntruder is not a test: docker exec runs it in a container. Until mountStop is there, it
// moves, links and replaces each part of the target and of the source, mounts over them and unmounts. Another thread looks
// for processes of ours, and tries everything that the kernel may allow on them. What the kernel refuses is not done: the intruder has the
// container's rights.
func TestMountIntruder(*testing.T) {
	secret := os.Getenv(mountIntrudeVariable)
	if secret == "" {
		return
	}
	session, _ := strconv.Atoi(os.Getenv(sessionVariable))
	found := make(chan mountLoot)
	over := make(chan int)
	ended := func() bool { _, err := os.Lstat(mountStop); return err == nil }
	m := &mountMover{secret: secret, found: found}
	m.tidy()
	rounds := []func(){m.round}
	if os.Getenv(sourceVariable) != "" {
		rounds = append(rounds, m.swapSource)
	}
	running := 1 + len(rounds)
	for _, round := range rounds {
		go func() {
			n := 0
			for ; !ended(); n++ {
				round()
			}
			over <- n
		}()
	}
	go func() {
		runtime.LockOSThread() // a tracer is a thread
		for !ended() {
			meetMounters(session, found)
		}
		over <- 0
	}()
	out := json.NewEncoder(os.Stdout)
	_ = out.Encode(mountLoot{Ready: true})
	for all := 0; running > 0; {
		select {
		case l := <-found:
			_ = out.Encode(l)
		case n := <-over:
			if running, all = running-1, all+n; running == 0 {
				_ = out.Encode(mountLoot{Rounds: all})
			}
		}
	}
}

// meetMounters attacks each process of ours that it sees.
func meetMounters(session int, found chan<- mountLoot) {
	dirs, _ := filepath.Glob("/proc/[0-9]*")
	for _, dir := range dirs {
		if !ours(dir) || session != 0 && sessionOf(dir) != session {
			continue
		}
		pid, _ := strconv.Atoi(filepath.Base(dir))
		parent := "/proc/" + statusField(dir+"/status", "PPid")
		child := ours(parent)
		for _, guise := range []string{unchanged, asTarget} {
			got := make(chan loot)
			go func() {
				runtime.LockOSThread() // the thread ends with the goroutine, and its changed identity with it
				got <- intrude(dir, pid, guise, callersSecret)
			}()
			l := <-got
			found <- mountLoot{Child: child, Process: &l}
		}
	}
}

// sessionOf returns field 6 of proc_pid_stat(5).
func sessionOf(dir string) int {
	text, _ := os.ReadFile(dir + "/stat")
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	const session = 3
	if len(fields) <= session {
		return 0
	}
	n, _ := strconv.Atoi(fields[session])
	return n
}

// mountMover attacks files and mounts.
type mountMover struct {
	secret string
	found  chan<- mountLoot

	discarded atomic.Int64
}

// tidy makes what is missing of target and sources.
func (m *mountMover) tidy() {
	for _, dir := range []string{mountTarget, mountFrom, mountShared + "/src"} {
		_ = os.MkdirAll(dir, 0o777)
	}
	_ = os.WriteFile(mountFile, nil, 0o666)
	_ = os.WriteFile(mountShared+"/src/file", []byte("named\n"), 0o666)
}

// round makes each attack once, and takes it back.
func (m *mountMover) round() {
	for _, row := range []struct{ path, aside, link string }{
		{mountFrom, "/tmp/from/moved", "/proc/sys"},
		{"/tmp/from", "/tmp/moved", "/"},
		{"/tmp/t", "/tmp/u", "/proc"},
		{"/tmp/t/a", "/tmp/t/c", mountShared},
		{mountTarget, "/tmp/t/a/c", "../../../proc/self/root"},
		{mountFile, "/tmp/t/a/g", "/etc/passwd"},
	} {
		m.swap(row.path, row.aside, row.link)
		m.look()
	}
	for _, path := range []string{mountTarget, "/tmp/t/a", "/tmp/t", mountFrom, mountFile} {
		m.cover(path)
		m.look()
	}
	// It fills what --mkdir makes, and unmounts what is mounted.
	_ = os.WriteFile("/tmp/t/a/new/file", []byte("full"), 0o600)
	_ = os.WriteFile(mountTarget+"/file", make([]byte, 1<<10), 0o600)
	_ = unix.Unmount(mountTarget, unix.MNT_DETACH)
	_ = os.Remove("/tmp/t/a/new/file")
	m.tidy()
}

// swapSource makes a link of the source on the host, where it is on the host.
func (m *mountMover) swapSource() {
	_ = os.Mkdir(mountShared+"/src", 0o777)
	m.swap(mountShared+"/src", mountShared+"/moved", m.secret)
}

// swap makes a link of a path again and again, then an empty directory, and then what it was.
func (m *mountMover) swap(path, aside, link string) {
	// A link that is there half of the time wins most races.
	const often = 256
	m.discard(aside)
	if os.Symlink(link, aside) == nil {
		for range often {
			_ = unix.Renameat2(unix.AT_FDCWD, path, unix.AT_FDCWD, aside, unix.RENAME_EXCHANGE)
		}
	}
	if isLink(path) {
		_ = os.Remove(path)
		_ = os.Rename(aside, path)
	}
	if isLink(aside) {
		_ = os.Remove(aside)
	}
	if os.Rename(path, aside) != nil {
		return
	}
	_ = os.Symlink(link, path)
	_ = os.Remove(path)
	_ = os.Mkdir(path, 0o777)
	_ = unix.Rmdir(path)
	if os.Rename(aside, path) != nil { // something is mounted at path by now
		m.discard(aside)
	}
}

// discard moves a directory out of the way. It removes nothing: a mount there could be one of the host's files.
func (m *mountMover) discard(path string) {
	_ = os.Rename(path, fmt.Sprintf("%s-%d", path, m.discarded.Add(1)))
}

func isLink(path string) bool {
	_, err := os.Readlink(path)
	return err == nil
}

// cover mounts over a path, and unmounts it.
func (m *mountMover) cover(path string) {
	for _, mount := range []func() error{
		func() error { return unix.Mount("intruder", path, "tmpfs", 0, "size=64k") },
		func() error { return unix.Mount("/proc", path, "", unix.MS_BIND, "") },
		func() error { return unix.Mount(mountShared, path, "", unix.MS_BIND|unix.MS_REC, "") },
	} {
		if at, err := filepath.EvalSymlinks(path); err != nil || at != path || mount() != nil {
			continue
		}
		_ = unix.Mount("", path, "", unix.MS_SHARED, "")
		_ = unix.Unmount(path, unix.MNT_DETACH)
	}
}

// look looks for the marker where something may be mounted.
func (m *mountMover) look() {
	for _, dir := range []string{mountTarget, "/tmp/t/a/new", "/tmp/t", "/tmp/t/a", "/tmp/u", mountFrom, mountShared + "/src"} {
		for _, name := range []string{secretMarker, "secret/" + secretMarker} {
			if _, err := os.Stat(filepath.Join(dir, name)); err == nil {
				m.found <- mountLoot{Secret: fmt.Sprintf("%s/%s", dir, name)}
			}
		}
	}
}
