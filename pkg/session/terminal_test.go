//go:build linux

package session

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/exit"
)

func TestTerminalNeedsADevpts(t *testing.T) {
	const other = "make a terminal: its /dev/pts/ptmx is not one of a devpts"
	for _, row := range []struct {
		name    string
		put     func(path string) error
		message string
	}{
		{"no ptmx", func(string) error { return nil }, "make a terminal: its /dev/pts/ptmx: no such file or directory"},
		{"a regular file", func(path string) error { return os.WriteFile(path, nil, 0o666) }, other},
		{"a FIFO", func(path string) error { return unix.Mkfifo(path, 0o666) }, other},
		{"a directory", func(path string) error { return os.Mkdir(path, 0o755) }, other},
		// The host's own must not be had by a link.
		{
			"a link to the host's", func(path string) error { return os.Symlink("/../../dev/ptmx", path) },
			"make a terminal: its /dev/pts/ptmx: no such file or directory",
		},
		{
			"a link to itself", func(path string) error { return os.Symlink("ptmx", path) },
			"make a terminal: its /dev/pts/ptmx: too many levels of symbolic links",
		},
	} {
		dir := t.TempDir()
		if err := os.MkdirAll(filepath.Join(dir, "dev/pts"), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := row.put(filepath.Join(dir, "dev/pts/ptmx")); err != nil {
			t.Fatal(err)
		}
		done := make(chan error, 1)
		go func() { done <- openIn(dir) }()
		select {
		case err := <-done:
			if err == nil || err.Error() != row.message {
				t.Errorf("%s: %v, want %s", row.name, err, row.message)
			}
			if known, ok := errors.AsType[*exit.Error](err); !ok || !strings.Contains(known.Hint, "-T") {
				t.Errorf("%s: %v has no way out", row.name, err)
			}
		case <-time.After(20 * time.Second):
			t.Fatalf("%s: it hangs", row.name)
		}
	}
}

// openIn makes a terminal of dir's and closes it.
func openIn(dir string) error {
	root, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	ours, theirs, err := openPTY(root, -1)
	if err == nil {
		ours.Close()
		theirs.Close()
	}
	return err
}

// A device of the same number that is on no devpts has no name inside.
func TestPTMXOutsideOfADevptsIsRefused(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Fatal("making a device takes root")
	}
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "dev/pts"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mknod(filepath.Join(dir, "dev/pts/ptmx"), unix.S_IFCHR|0o666, int(unix.Mkdev(5, 2))); err != nil {
		t.Fatal(err)
	}
	if err := openIn(dir); err == nil || !strings.HasSuffix(err.Error(), "is not one of a devpts") {
		t.Errorf("it is taken: %v", err)
	}
}

func TestTerminalOfADevpts(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Fatal("opening the ptmx of a devpts, and giving a terminal to another user, takes root")
	}
	root, err := os.Open("/")
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	const owner = 4242
	ours, theirs, err := openPTY(root, owner)
	if err != nil {
		t.Fatal(err)
	}
	defer ours.Close()
	defer theirs.Close()
	if got := ownerOf(t, theirs); got != owner {
		t.Errorf("the command's end is %d's, want %d's", got, owner)
	}
	if _, err := theirs.WriteString("hello\n"); err != nil {
		t.Fatal(err)
	}
	if err := ours.SetReadDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, len("hello\r\n"))
	if _, err := io.ReadFull(ours, got); err != nil || string(got) != "hello\r\n" {
		t.Errorf("our end reads %q, %v", got, err)
	}
}
