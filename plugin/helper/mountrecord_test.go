//go:build linux

package main_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/mountrecord"
	"github.com/nsjoin/docker-nsjoin/pkg/mounts"
	"github.com/nsjoin/docker-nsjoin/pkg/ns"
	"github.com/nsjoin/docker-nsjoin/pkg/procfs"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

// A call with --keep that has lost the answer asks again, and is told what it has mounted. Nothing is mounted twice.
func TestMountIsAskedForAgain(t *testing.T) {
	source, target := t.TempDir(), t.TempDir()
	pid := isolated(t, ns.SetOf(ns.Mnt))
	ask := func(keeper string) *mounts.Record {
		t.Helper()
		q := attach(source, target)
		q.Keeper = keeper
		out, stderr, status := runHelper(t, asked(pid, q))
		var answer mounts.Answer
		if err := json.Unmarshal([]byte(out), &answer); err != nil || answer.Done == nil || answer.Done.Keeper != keeper {
			t.Fatalf("%v, status %d: %s%s", err, status, out, stderr)
		}
		return answer.Done
	}
	first := ask("first")
	if second := ask("second"); second.ID == first.ID {
		t.Errorf("another call was told of %+v", second)
	}
	if again := ask("first"); again.ID != first.ID {
		t.Errorf("%+v, want %+v", again, first)
	}
	if list, lines := mounted(t, pid), linesWith(t, pid, " "+target+" "); len(list) != 2 || len(lines) != 2 {
		t.Errorf("%+v, %q", list, lines)
	}
	for range 2 {
		gone := &request.Mount{Action: request.MountDetach, Target: request.Word(target)}
		if _, stderr, status := runHelper(t, asked(pid, gone)); status != 0 {
			t.Fatalf("status %d: %s", status, stderr)
		}
	}
	ask("first")
	if lines := linesWith(t, pid, " "+target+" "); len(lines) != 1 {
		t.Errorf("after umount: %q", lines)
	}
	ask("")
	ask("") // without --keep
	if lines := linesWith(t, pid, " "+target+" "); len(lines) != 3 {
		t.Errorf("without --keep: %q", lines)
	}
}

// writeRecord records that a mount in a process, with these directories, was made.
func writeRecord(t *testing.T, pid int, laterRun bool, made ...mounts.Made) {
	t.Helper()
	st, err := procfs.ReadStat(pid)
	if err != nil {
		t.Fatal(err)
	}
	var in unix.Stat_t
	if err := unix.Stat(fmt.Sprintf("/proc/%d/ns/mnt", pid), &in); err != nil {
		t.Fatal(err)
	}
	container := "pid-" + strconv.Itoa(pid)
	r := &mounts.Record{
		Container: container, PID: pid, Start: st.Start, Namespace: [2]uint64{uint64(in.Dev), in.Ino}, //nolint:unconvert // its type differs
		Time: time.Now().Unix(), Made: made,
	}
	if laterRun {
		r.Start--
	}
	root, err := os.Open("/")
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	d, err := mountrecord.Open(root, container)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close(root, container)
	if err := d.Write(r); err != nil {
		t.Fatal(err)
	}
}

// A helper was killed before it knew what it had made. What is there in a later run of the container is the container's,
// unless its inode is known.
func TestMadeInAnEarlierRun(t *testing.T) {
	pid := isolated(t, ns.SetOf(ns.Mnt))
	for _, row := range []struct{ laterRun, known, left bool }{
		{false, false, false}, {false, true, false}, {true, false, true}, {true, true, false},
	} {
		dir := filepath.Join(t.TempDir(), "dir")
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		var st syscall.Stat_t
		if err := syscall.Stat(dir, &st); err != nil {
			t.Fatal(err)
		}
		made := mounts.Made{Path: request.Word(dir), Dir: true}
		if row.known {
			made.Inode = st.Ino
		}
		writeRecord(t, pid, row.laterRun, made)
		if list := mounted(t, pid); len(list) != 0 {
			t.Errorf("%+v: %+v", row, list)
		}
		if _, err := os.Stat(dir); (err == nil) != row.left {
			t.Errorf("%+v: %v", row, err)
		}
	}
}

// What was made for a mount is removed before its record: a helper that is killed in between leaves nothing for ever.
func TestRecordIsRemovedLast(t *testing.T) {
	dir, pid := t.TempDir(), isolated(t, ns.SetOf(ns.Mnt))
	made := filepath.Join(dir, "made")
	if err := os.Mkdir(made, 0o755); err != nil {
		t.Fatal(err)
	}
	writeRecord(t, pid, false, mounts.Made{Path: request.Word(made), Dir: true})
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	for _, watched := range []string{dir, "/" + mountrecord.Path + "/pid-" + strconv.Itoa(pid)} {
		if _, err := unix.InotifyAddWatch(fd, watched, unix.IN_DELETE); err != nil {
			t.Fatal(err)
		}
	}
	mounted(t, pid)
	buf := make([]byte, 4<<10)
	n, err := unix.Read(fd, buf)
	if err != nil {
		t.Fatal(err)
	}
	text := string(buf[:n])
	first, last := strings.Index(text, "made\x00"), strings.Index(text, "mount-0.json\x00")
	if first < 0 || last < first {
		t.Errorf("deleted are, in this order: %q", text)
	}
}
