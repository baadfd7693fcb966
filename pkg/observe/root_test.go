//go:build linux

package observe

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/plan"
	"github.com/nsjoin/docker-nsjoin/pkg/thread"
)

// silentDir returns the root directory of a FUSE file system whose server never answers. It is mounted in a mount
// namespace of its own.
func silentDir(t *testing.T) *os.File {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Fatal("needs root")
	}
	server, err := os.OpenFile("/dev/fuse", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() }) // those that wait get an error
	at := t.TempDir()
	var fd int
	thread.Run(func() {
		if err = unix.Unshare(unix.CLONE_FS | unix.CLONE_NEWNS); err != nil {
			return
		}
		if err = unix.Mount("none", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
			return
		}
		options := fmt.Sprintf("fd=%d,rootmode=40755,user_id=0,group_id=0", server.Fd())
		if err = unix.Mount("silent", at, "fuse", 0, options); err == nil {
			fd, err = unix.Open(at, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return os.NewFile(uintptr(fd), at)
}

func TestRootDirectoryThatDoesNotAnswer(t *testing.T) {
	if _, err := listRoot(silentDir(t)); !errors.Is(err, errNoAnswer) {
		t.Errorf("%v, want %v", err, errNoAnswer)
	}
}

// What answers before is kept.
func TestEntryThatDoesNotAnswer(t *testing.T) {
	var facts plan.Root
	answered, err := lookUp(silentDir(t), []string{".", "nothing", "never"}, &facts)
	if answered != 1 || err != nil || len(facts.Entries) != 1 {
		t.Errorf("%d are answered, %+v, %v", answered, facts.Entries, err)
	}
}

func TestRootDirectory(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"b", "a", "c\n"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	long := strings.Repeat("x", 4095)
	for at, to := range map[string]string{"link": "/nowhere", "dir-link": "a", "long": long} {
		if err := os.Symlink(to, filepath.Join(dir, at)); err != nil {
			t.Fatal(err)
		}
	}
	if err := unix.Mkfifo(filepath.Join(dir, "fifo"), 0o600); err != nil {
		t.Fatal(err)
	}
	root, err := os.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	facts, err := listRoot(root)
	want := []plan.Entry{
		{Name: "a", Dir: true},
		{Name: "b", Dir: true},
		{Name: "c\n", Dir: true},
		{Name: "dir-link", Link: "a"},
		{Name: "fifo"},
		{Name: "link", Link: "/nowhere"},
		{Name: "long", Link: long},
	}
	if err != nil || facts.More || len(facts.Silent) > 0 || !slices.Equal(facts.Entries, want) {
		t.Errorf("%+v, %v", facts, err)
	}
}

func TestRootDirectoryWithManyEntries(t *testing.T) {
	dir := t.TempDir()
	for i := range plan.MaxEntries + 1 {
		if err := os.Mkdir(fmt.Sprintf("%s/%d", dir, i), 0o755); err != nil {
			t.Fatal(err)
		}
		if i < plan.MaxEntries-1 {
			continue
		}
		root, err := os.Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		if facts, err := listRoot(root); err != nil || facts.More != (i == plan.MaxEntries) || !facts.More && len(facts.Entries) != i+1 {
			t.Errorf("%d entries: %d are found, more: %t, %v", i+1, len(facts.Entries), facts.More, err)
		}
	}
}
