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
	const notDevpts = "make a terminal: /dev/pts/ptmx in the container is not a devpts multiplexer"
	for _, row := range []struct {
		name    string
		put     func(path string) error
		message string
	}{
		{"no ptmx", func(string) error { return nil }, "make a terminal: /dev/pts/ptmx in the container: no such file or directory"},
		{"a regular file", func(path string) error { return os.WriteFile(path, nil, 0o666) }, notDevpts},
		{"a FIFO", func(path string) error { return unix.Mkfifo(path, 0o666) }, notDevpts},
		{"a directory", func(path string) error { return os.Mkdir(path, 0o755) }, notDevpts},
		// A link must not lead to the host's ptmx.
		{
			// A link must not lead to the host's own.
			"a link to the host's", func(path string) error { return os.Symlink("/../../dev/ptmx", path) },
			"make a terminal: /dev/pts/ptmx in the container: no such file or directory",
		},
		{
			"a link to itself", func(path string) error { return os.Symlink("ptmx", path) },
			"make a terminal: /dev/pts/ptmx in the container: too many levels of symbolic links",
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
		go func() { done <- openTerminalIn(dir) }()
		select {
		case err := <-done:
			if err == nil || err.Error() != row.message {
				t.Errorf("%s: %v, want %s", row.name, err, row.message)
			}
			if known, ok := errors.AsType[*exit.Error](err); !ok || !strings.Contains(known.Hint, "-T") {
				t.Errorf("%s: the hint of %v does not mention -T", row.name, err)
			}
		case <-time.After(time.Minute):
			t.Fatalf("%s: timeout", row.name)
		}
	}
}

// openTerminalIn opens a terminal with dir as root, and closes it.
func openTerminalIn(dir string) error {
	root, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	pty, tty, err := openPTY(root, -1)
	if err == nil {
		pty.Close()
		tty.Close()
	}
	return err
}

// A device with the number of ptmx that is not on a devpts has no name inside.
func TestPTMXOutsideDevptsIsRefused(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Fatal("this test needs root, to make a device")
	}
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "dev/pts"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mknod(filepath.Join(dir, "dev/pts/ptmx"), unix.S_IFCHR|0o666, int(unix.Mkdev(5, 2))); err != nil {
		t.Fatal(err)
	}
	if err := openTerminalIn(dir); err == nil || !strings.HasSuffix(err.Error(), "is not a devpts multiplexer") {
		t.Errorf("the device is accepted: %v", err)
	}
}

func TestOpenTerminal(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Fatal("this test needs root, to open /dev/pts/ptmx and to change a terminal's owner")
	}
	root, err := os.Open("/")
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	const owner = 4242
	pty, tty, err := openPTY(root, owner)
	if err != nil {
		t.Fatal(err)
	}
	defer pty.Close()
	defer tty.Close()
	if got := fileOwner(t, tty); got != owner {
		t.Errorf("the command's end belongs to uid %d, want %d", got, owner)
	}
	if _, err := tty.WriteString("hello\n"); err != nil {
		t.Fatal(err)
	}
	if err := pty.SetReadDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, len("hello\r\n"))
	if _, err := io.ReadFull(pty, got); err != nil || string(got) != "hello\r\n" {
		t.Errorf("read %q, %v", got, err)
	}
}
